// Field numbers are those of CommonIndexFileFormat.proto. Fields that are 0 are left out, as proto3 has it.

#include <bit>

#include "base/error.h"
#include "base/varint.h"
#include "format/ciff.h"

namespace coppice {
namespace {

void append_number(std::vector<uint8_t>& message, int field, uint64_t number) {
  if (number == 0) return;
  append_varint(message, static_cast<uint64_t>(field) << 3);
  append_varint(message, number);
}

void append_bytes(std::vector<uint8_t>& message, int field, const auto& bytes) {
  append_varint(message, static_cast<uint64_t>(field) << 3 | 2);
  append_varint(message, bytes.size());
  message.insert(message.end(), bytes.begin(), bytes.end());
}

void append_double(std::vector<uint8_t>& message, int field, double number) {
  append_varint(message, static_cast<uint64_t>(field) << 3 | 1);
  const uint64_t bits = std::bit_cast<uint64_t>(number);
  for (int shift = 0; shift < 64; shift += 8) message.push_back(static_cast<uint8_t>(bits >> shift));
}

uint64_t as_unsigned(int64_t number) {
  COPPICE_CHECK(number >= 0);
  return static_cast<uint64_t>(number);
}

}  // namespace

CiffWriter::CiffWriter(const std::filesystem::path& path, const CiffHeader& header)
    : file_(path), header_(header) {
  std::vector<uint8_t> message;
  append_number(message, 1, 1);
  append_number(message, 2, as_unsigned(header.lists));
  append_number(message, 3, as_unsigned(header.documents));
  append_number(message, 4, as_unsigned(header.total_lists));
  append_number(message, 5, as_unsigned(header.total_documents));
  append_number(message, 6, as_unsigned(header.total_length));
  append_double(message, 7, header.average_length);
  append_bytes(message, 8, header.description);
  write_message(message);
}

void CiffWriter::write_message(const std::vector<uint8_t>& message) {
  append_varint(waiting_, message.size());
  waiting_.insert(waiting_.end(), message.begin(), message.end());
  if (waiting_.size() < size_t{1} << 20) return;
  file_.write(std::as_bytes(std::span(waiting_)));
  waiting_.clear();
}

void CiffWriter::add(const CiffList& list) {
  COPPICE_CHECK(!list.documents.empty() && list.documents.size() == list.frequencies.size() &&
                ++lists_ <= header_.lists && documents_ == 0);
  std::vector<uint8_t> message, posting;
  uint64_t occurrences = 0;
  for (const uint32_t frequency : list.frequencies) occurrences += frequency;
  append_bytes(message, 1, list.term);
  append_number(message, 2, list.documents.size());
  append_number(message, 3, occurrences);
  uint32_t before = 0;
  for (size_t i = 0; i < list.documents.size(); ++i) {
    posting.clear();
    append_number(posting, 1, list.documents[i] - before);
    append_number(posting, 2, list.frequencies[i]);
    append_bytes(message, 4, posting);
    before = list.documents[i];
  }
  write_message(message);
}

void CiffWriter::add(const CiffDocument& document) {
  COPPICE_CHECK(lists_ == header_.lists && ++documents_ <= header_.documents);
  std::vector<uint8_t> message;
  append_number(message, 1, document.number);
  append_bytes(message, 2, document.id);
  append_number(message, 3, as_unsigned(document.length));
  write_message(message);
}

void CiffWriter::finish() {
  COPPICE_CHECK(lists_ == header_.lists && documents_ == header_.documents, "less than the header promises");
  file_.write(std::as_bytes(std::span(waiting_)));
  file_.commit();
}

}  // namespace coppice
