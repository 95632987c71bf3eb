#pragma once
// Writes the files of an inverted index, term by term.

#include <fstream>
#include <span>

#include "index/inverted/inverted_files.h"
#include "index/inverted/term_dictionary.h"

namespace coppice {

// Bytes that go to a file in large pieces; a failed write is an Error with its cause.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void write(std::span<const uint8_t> bytes);
  uint64_t size() const { return size_; }
  // Writes what is left and waits until the disk has it.
  void finish();

 private:
  void flush();

  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::vector<uint8_t> waiting_;
};

// The positions of one term: per posting how many and the distances between them, as varints. `ends` has the end of
// each posting's bytes.
struct TermPositions {
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> ends;
};

class InvertedWriter {
 public:
  // `lengths` has a byte for each document of the segment (all zero for weights). Of `summary`, kind, unit, positions,
  // bm25, documents and total_length are given; the rest is counted.
  InvertedWriter(const std::filesystem::path& folder, const std::string& name, const InvertedSummary& summary,
                 std::vector<uint8_t> lengths, uint32_t highest_value);

  // Terms rise by bytes, documents rise; `positions` unless the index keeps none.
  void add(std::string_view term, std::span<const DocOrdinal> docs, std::span<const uint32_t> values,
           const TermPositions* positions);
  InvertedSummary finish();

 private:
  std::filesystem::path folder_;
  std::string name_;
  InvertedSummary summary_;
  std::vector<uint8_t> lengths_, buffer_;
  std::vector<float> norms_;
  TermDictionaryWriter terms_;
  AppendFile postings_;
  std::optional<AppendFile> positions_;
};

// BM25's norms[code] = k1 * (1 - b + b * length / average), for every code of a length.
std::vector<float> bm25_norms(const Bm25& bm25, double average_length);

}  // namespace coppice
