#include "index/section_file.h"

#include <algorithm>
#include <cstring>

#include <zlib.h>

#include "base/error.h"
#include "base/fields.h"

namespace coppice {
namespace {

constexpr uint64_t alignment = 64, frame_bytes = 24, longest_header = uint64_t{1} << 20;

struct SectionEntry {
  std::string name;
  uint64_t offset = 0, bytes = 0;
  uint32_t crc32 = 0;
  static void fields(auto& self, auto&& field) {
    field("name", self.name, {.help = "what the section holds", .required = true});
    field("offset", self.offset, {.help = "where it begins in the file", .required = true});
    field("bytes", self.bytes, {.help = "its length", .required = true});
    field("crc32", self.crc32, {.help = "its checksum", .required = true});
  }
};

uint64_t aligned(uint64_t offset) {
  return (offset + alignment - 1) / alignment * alignment;
}

uint32_t checksum(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.empty() ? 0 : bytes.size()));
}

template <class T>
T number_at(std::span<const std::byte> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

void SectionWriter::write(const std::filesystem::path& path, const PartKind& kind, const Json& part) const {
  COPPICE_CHECK(kind.magic.size() == 8);
  // The places depend on the length of the header, which names them: padded to a length that surely suffices.
  const uint64_t header_bytes =
      aligned(frame_bytes + to_line(part).size() + 64 + 160 * sections_.size()) - frame_bytes;
  Json entries = Json::array();
  uint64_t end = frame_bytes + header_bytes;
  for (const auto& section : sections_) {
    COPPICE_CHECK(section.name.size() <= 32);
    entries.push_back(
        to_json(SectionEntry{section.name, end, section.bytes.size(), checksum(section.bytes)}));
    end = aligned(end + section.bytes.size());
  }
  std::string header = to_line(Json{{"part", part}, {"sections", entries}});
  COPPICE_CHECK(header.size() <= header_bytes && header_bytes <= longest_header);
  header.resize(header_bytes, ' ');

  AtomicFile file(path);
  file.write(kind.magic);
  const uint32_t crc = checksum(std::as_bytes(std::span(header)));
  file.write(std::as_bytes(std::span(&kind.version, 1)));
  file.write(std::as_bytes(std::span(&crc, 1)));
  file.write(std::as_bytes(std::span(&header_bytes, 1)));
  file.write(header);
  uint64_t at = frame_bytes + header_bytes;
  for (const auto& section : sections_) {
    file.write(section.bytes);
    at += section.bytes.size();
    file.write(std::string(aligned(at) - at, '\0'));
    at = aligned(at);
  }
  file.commit();
}

SectionFile::SectionFile(std::span<const std::byte> bytes, const PartKind& kind, std::string where)
    : where_(std::move(where)), bytes_(bytes) {
  const auto fail = [&](std::string found, std::string expected = "") {
    throw Error({.where = where_, .found = std::move(found), .expected = std::move(expected)});
  };
  if (bytes.size() < frame_bytes)
    fail(fmt::format("{} bytes", bytes.size()), fmt::format("a {} of at least {}", kind.name, frame_bytes));
  if (std::memcmp(bytes.data(), kind.magic.data(), kind.magic.size()) != 0)
    fail("other first bytes", fmt::format("a {}, which begins with {}", kind.name, kind.magic));
  if (const auto version = number_at<uint32_t>(bytes, 8); version != kind.version)
    throw Error({.where = where_,
                 .found = fmt::format("version {} of the format", version),
                 .expected = fmt::format("version {}", kind.version),
                 .advice = version > kind.version ? "use a newer coppice" : "build the index anew"});
  header_crc_ = number_at<uint32_t>(bytes, 12);
  const auto length = number_at<uint64_t>(bytes, 16);
  if (length > std::min<uint64_t>(longest_header, bytes.size() - frame_bytes))
    fail(fmt::format("a header of {} bytes in a file of {}", length, bytes.size()));
  header_ = bytes.subspan(frame_bytes, length);
  const Json header = parse_json({reinterpret_cast<const char*>(header_.data()), header_.size()}, where_);
  if (!header.is_object() || header.size() != 2 || !header.contains("part") || !header.contains("sections"))
    fail("a header of other keys", "part and sections");
  part_ = header["part"];
  std::vector<SectionEntry> entries;
  from_json(header["sections"], entries, where_ + ": sections");
  uint64_t end = frame_bytes + length;
  for (const auto& entry : entries) {
    if (entry.offset % alignment != 0 || entry.offset < end || entry.offset - end >= alignment)
      fail(fmt::format("section {} at {}", entry.name, entry.offset),
           fmt::format("the first multiple of {} from {}", alignment, end));
    if (entry.offset > bytes.size() || entry.bytes > bytes.size() - entry.offset)
      fail(fmt::format("section {} of {} bytes at {} of a file of {}", entry.name, entry.bytes, entry.offset,
                       bytes.size()),
           "a file that was written whole");
    if (has(entry.name)) fail(fmt::format("section {} twice", entry.name));
    sections_.push_back({entry.name, bytes.subspan(entry.offset, entry.bytes), entry.crc32});
    end = entry.offset + entry.bytes;
  }
}

bool SectionFile::has(std::string_view name) const {
  return std::any_of(sections_.begin(), sections_.end(),
                     [&](const auto& known) { return known.name == name; });
}

std::span<const std::byte> SectionFile::section(std::string_view name, uint64_t rows, uint64_t columns,
                                                uint64_t element) const {
  uint64_t count = 0, bytes = 0;
  for (const auto& known : sections_) {
    if (known.name != name) continue;
    if (__builtin_mul_overflow(rows, columns, &count) || __builtin_mul_overflow(count, element, &bytes) ||
        bytes != known.bytes.size())
      throw Error({.where = where_,
                   .found = fmt::format("section {} of {} bytes", name, known.bytes.size()),
                   .expected = fmt::format("{} x {} elements of {} bytes", rows, columns, element)});
    COPPICE_CHECK(reinterpret_cast<uintptr_t>(known.bytes.data()) % element == 0);
    return known.bytes;
  }
  throw Error({.where = where_, .found = fmt::format("no section {}", name)});
}

void SectionFile::verify() const {
  const auto compare = [&](const std::string& what, std::span<const std::byte> bytes, uint32_t expected) {
    if (checksum(bytes) != expected)
      throw Error({.where = where_,
                   .found = fmt::format("damaged {}: its checksum is {:08x}", what, checksum(bytes)),
                   .expected = fmt::format("{:08x}", expected)});
  };
  compare("header", header_, header_crc_);
  for (const auto& section : sections_) compare("section " + section.name, section.bytes, section.crc32);
}

}  // namespace coppice
