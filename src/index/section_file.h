#pragma once
// The container of an index part: one file that is written once and then mapped. A JSON header says what it holds and
// where its sections lie.
//
//   8 bytes   magic, of the kind of part
//   4 bytes   version, little-endian as all numbers here
//   4 bytes   CRC-32 of the header
//   8 bytes   length of the header
//   header    {"part": {…}, "sections": [{"name", "offset", "bytes", "crc32"}, …]}
//   sections  each on a multiple of 64 bytes, in the order of the header, with zeros between
//
// Opening checks the frame (places, lengths, no overlap) and nothing else, so that it costs no reading; `verify` reads
// all and compares checksums. Whoever opens a part checks that counts and lengths agree, by asking for an array of a
// number of elements.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace coppice {

struct PartKind {
  std::string_view magic;  // 8 bytes
  uint32_t version;
  const char* name;  // for messages
};

class SectionWriter {
 public:
  // The bytes must live until `write`; names are unique.
  template <class T>
  void add(const std::string& name, std::span<const T> elements) {
    sections_.push_back({name, std::as_bytes(elements)});
  }
  void write(const std::filesystem::path& path, const PartKind& kind, const Json& part) const;

 private:
  struct Section {
    std::string name;
    std::span<const std::byte> bytes;
  };
  std::vector<Section> sections_;
};

class SectionFile {
 public:
  SectionFile() = default;
  // `bytes` must outlive this and begin on a multiple of 8.
  SectionFile(std::span<const std::byte> bytes, const PartKind& kind, std::string where);

  const Json& part() const { return part_; }
  const std::string& where() const { return where_; }
  bool has(std::string_view name) const;

  // A section that is exactly `rows` times `columns` elements long; otherwise an Error.
  template <class T>
  std::span<const T> array(std::string_view name, uint64_t rows, uint64_t columns = 1) const {
    const auto bytes = section(name, rows, columns, sizeof(T));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  // Compares all checksums; an Error names the first section that is damaged.
  void verify() const;
  uint64_t size() const { return bytes_.size(); }

 private:
  struct Section {
    std::string name;
    std::span<const std::byte> bytes;
    uint32_t crc32;
  };
  std::span<const std::byte> section(std::string_view name, uint64_t rows, uint64_t columns,
                                     uint64_t element) const;

  std::string where_;
  std::span<const std::byte> bytes_, header_;
  uint32_t header_crc_ = 0;
  Json part_;
  std::vector<Section> sections_;
};

}  // namespace coppice
