// Field numbers are those of CommonIndexFileFormat.proto.

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "base/strings.h"
#include "format/ciff.h"
#include "format/protobuf_wire.h"

namespace coppice {
namespace {

constexpr const char* whole_file = "a CIFF file that was written whole";
constexpr int64_t largest = std::numeric_limits<int32_t>::max();

// int32 and int64 fields; negative ones are stored as 64 bits.
int64_t whole_number(const WireField& field, const WireReader& reader, int64_t highest = largest) {
  if (field.type != 0) reader.fail("a number of another type");
  const int64_t number = static_cast<int64_t>(field.value);
  if (number < 0 || number > highest) reader.fail(fmt::format("the number {}", number));
  return number;
}

std::string text(const WireField& field, const WireReader& reader) {
  if (field.type != 2 || !is_utf8(field.bytes)) reader.fail("a text that is not UTF-8");
  return std::string(field.bytes);
}

}  // namespace

struct CiffReader::Stream {
  gzFile file = nullptr;
  std::vector<char> buffer = std::vector<char>(size_t{1} << 18);
  size_t at = 0, filled = 0;

  ~Stream() {
    if (file != nullptr) gzclose(file);
  }
};

CiffReader::CiffReader(const std::filesystem::path& path)
    : where_(path.string()), stream_(std::make_unique<Stream>()) {
  stream_->file = gzopen(path.c_str(), "rb");
  if (stream_->file == nullptr || std::filesystem::is_directory(path))
    throw system_error("cannot read", where_);
  const std::string what = where_ + ": header";
  WireReader reader(message("header"), what, whole_file);
  constexpr int64_t any = std::numeric_limits<int64_t>::max();
  int64_t version = 0;
  while (const auto field = reader.next()) switch (field->number) {
      case 1:
        version = whole_number(*field, reader);
        break;
      case 2:
        header_.lists = whole_number(*field, reader);
        break;
      case 3:
        header_.documents = whole_number(*field, reader);
        break;
      case 4:
        header_.total_lists = whole_number(*field, reader);
        break;
      case 5:
        header_.total_documents = whole_number(*field, reader);
        break;
      case 6:
        header_.total_length = whole_number(*field, reader, any);
        break;
      case 7:
        if (field->type != 1) reader.fail("an average length of another type");
        header_.average_length = field->as_double();
        break;
      case 8:
        header_.description = text(*field, reader);
        break;
      default:
        break;  // of a later version that adds to this one
    }
  if (version != 1) fail("header", fmt::format("version {}", version), "version 1");
}

CiffReader::~CiffReader() = default;

void CiffReader::fail(const std::string& what, const std::string& found, const std::string& expected) const {
  throw Error({.where = where_ + ": " + what, .found = found, .expected = expected});
}

int CiffReader::read_byte() {
  Stream& stream = *stream_;
  if (stream.at == stream.filled) {
    const int got = gzread(stream.file, stream.buffer.data(), static_cast<unsigned>(stream.buffer.size()));
    int code = Z_OK;
    const char* message = gzerror(stream.file, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
      throw Error({.where = where_, .found = message, .expected = "a whole gzip file"});
    stream.at = 0;
    stream.filled = static_cast<size_t>(got);
    if (got == 0) return -1;
  }
  return static_cast<unsigned char>(stream.buffer[stream.at++]);
}

void CiffReader::read(char* into, size_t size, const std::string& what) {
  Stream& stream = *stream_;
  while (size > 0) {
    const int first = read_byte();
    if (first < 0) fail(what, "the end of the file", whole_file);
    *into++ = static_cast<char>(first);
    const size_t more = std::min(size - 1, stream.filled - stream.at);
    std::copy_n(stream.buffer.data() + stream.at, more, into);
    stream.at += more;
    into += more;
    size -= more + 1;
  }
}

std::string_view CiffReader::message(const std::string& what) {
  uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    const int byte = read_byte();
    if (byte < 0) fail(what, "the end of the file", whole_file);
    if (shift > 28) fail(what, "a length of too many bytes", whole_file);
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  // The length is the file's word only; memory grows with what is really there.
  message_.clear();
  while (message_.size() < size) {
    const size_t begin = message_.size();
    const size_t piece = std::min<uint64_t>(size - begin, std::max<size_t>(begin, size_t{1} << 20));
    message_.resize(begin + piece);
    read(message_.data() + begin, piece, what);
  }
  return message_;
}

bool CiffReader::next(CiffList& list) {
  if (lists_read_ == header_.lists) return false;
  const std::string what = fmt::format("posting list {}", lists_read_++);
  const std::string where = where_ + ": " + what;
  WireReader reader(message(what), where, whole_file);
  list.term.clear();
  list.documents.clear();
  list.frequencies.clear();
  int64_t promised = 0, document = 0;
  while (const auto field = reader.next()) {
    if (field->number == 1) list.term = text(*field, reader);
    if (field->number == 2) promised = whole_number(*field, reader);
    if (field->number != 4) continue;
    if (field->type != 2) reader.fail("a posting of another type");
    WireReader posting(field->bytes, where, whole_file);
    int64_t distance = 0, frequency = 0;
    while (const auto part = posting.next()) {
      if (part->number == 1) distance = whole_number(*part, posting);
      if (part->number == 2) frequency = whole_number(*part, posting);
    }
    if (distance == 0 && !list.documents.empty()) fail(what, "a document twice", "documents that rise");
    if (frequency == 0) fail(what, "a frequency of 0", "at least 1");
    document += distance;
    if (document >= header_.documents)
      fail(what, fmt::format("document {}", document),
           fmt::format("one of {}, numbered from 0", header_.documents));
    list.documents.push_back(static_cast<uint32_t>(document));
    list.frequencies.push_back(static_cast<uint32_t>(frequency));
  }
  if (promised != static_cast<int64_t>(list.documents.size()) || promised == 0)
    fail(what, fmt::format("{} postings", list.documents.size()),
         promised == 0 ? "at least one" : fmt::format("{}", promised));
  return true;
}

bool CiffReader::next(CiffDocument& document) {
  COPPICE_CHECK(lists_read_ == header_.lists, "documents come behind the lists");
  if (documents_read_ == header_.documents) {
    if (read_byte() >= 0)
      fail("end", "more bytes",
           fmt::format("{} posting lists and {} documents", header_.lists, header_.documents));
    return false;
  }
  const std::string what = fmt::format("document {}", documents_read_++);
  const std::string where = where_ + ": " + what;
  WireReader reader(message(what), where, whole_file);
  document = {};
  while (const auto field = reader.next()) {
    if (field->number == 1) document.number = static_cast<uint32_t>(whole_number(*field, reader));
    if (field->number == 2) document.id = text(*field, reader);
    if (field->number == 3) document.length = whole_number(*field, reader);
  }
  if (document.number >= header_.documents)
    fail(what, fmt::format("number {}", document.number),
         fmt::format("one of {}, from 0", header_.documents));
  return true;
}

}  // namespace coppice
