#pragma once
// The Common Index File Format, in which search engines exchange inverted indexes (Lin et al. 2020, "Supporting
// Interoperability Between Open-Source Search Engines with the Common Index File Format"): a file of protocol buffer
// messages, each led by its length as a varint. A header comes first, then the posting lists, then the documents.
// Documents of a list are stored as distances, the first from 0.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"

namespace coppice {

struct CiffHeader {
  int64_t lists = 0, documents = 0;              // that follow
  int64_t total_lists = 0, total_documents = 0;  // of the index they are taken from
  int64_t total_length = 0;                      // sum of all its documents' lengths
  double average_length = 0;
  std::string description;
};

struct CiffList {
  std::string term;
  std::vector<uint32_t> documents, frequencies;  // documents rise, frequencies are at least 1
};

struct CiffDocument {
  uint32_t number = 0;  // by which lists name it
  std::string id;
  int64_t length = 0;
};

// Reads a file from its beginning to its end, plain or gzipped. Anything that is not as it has to be is an Error that
// names the message.
class CiffReader {
 public:
  explicit CiffReader(const std::filesystem::path& path);
  ~CiffReader();

  const CiffHeader& header() const { return header_; }
  // The next list, false behind the last; all lists come before the first document.
  bool next(CiffList& list);
  // The next document, false behind the last; then the file has to be at its end.
  bool next(CiffDocument& document);

 private:
  // The bytes of the next message, which are overwritten by those of the one after.
  std::string_view message(const std::string& what);
  int read_byte();
  void read(char* into, size_t size, const std::string& what);
  [[noreturn]] void fail(const std::string& what, const std::string& found,
                         const std::string& expected = "") const;

  struct Stream;
  std::string where_;
  std::unique_ptr<Stream> stream_;
  std::string message_;
  CiffHeader header_;
  int64_t lists_read_ = 0, documents_read_ = 0;
};

// Writes a file that appears at `path` when it is finished, and has what its header promises.
class CiffWriter {
 public:
  CiffWriter(const std::filesystem::path& path, const CiffHeader& header);

  void add(const CiffList& list);
  void add(const CiffDocument& document);
  void finish();

 private:
  void write_message(const std::vector<uint8_t>& message);

  AtomicFile file_;
  CiffHeader header_;
  int64_t lists_ = 0, documents_ = 0;
  std::vector<uint8_t> waiting_;
};

}  // namespace coppice
