#include "format/byte_source.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"
#include "base/progress.h"

namespace coppice {
namespace {

constexpr size_t block = size_t{1} << 18;

// The file as it lies on disk, in blocks.
class RawBytes {
 public:
  explicit RawBytes(const std::filesystem::path& path) : where_(path.string()), buffer_(block) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw system_error("open", where_);
    fill();
  }
  RawBytes(std::string_view bytes, std::string where) : where_(std::move(where)), rest_(bytes) {}
  RawBytes(const RawBytes&) = delete;
  RawBytes& operator=(const RawBytes&) = delete;
  ~RawBytes() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  // What has been read and not taken; empty only at the end.
  std::string_view rest() {
    if (rest_.empty() && descriptor_ >= 0) fill();
    return rest_;
  }
  void take(size_t size) {
    rest_.remove_prefix(size);
    taken_ += size;
  }
  uint64_t taken() const { return taken_; }
  const std::string& where() const { return where_; }

 private:
  void fill() {
    ssize_t size;
    do size = ::read(descriptor_, buffer_.data(), buffer_.size());
    while (size < 0 && errno == EINTR);
    if (size < 0) throw system_error("read", where_);
    rest_ = {buffer_.data(), static_cast<size_t>(size)};
  }

  std::string where_;
  int descriptor_ = -1;
  std::vector<char> buffer_;
  std::string_view rest_;
  uint64_t taken_ = 0;
};

[[noreturn]] void damaged(const RawBytes& raw, const std::string& found, const std::string& expected) {
  throw Error({.where = raw.where(), .found = found, .expected = expected, .advice = perhaps_incomplete});
}

class Unpacker {
 public:
  virtual ~Unpacker() = default;
  // Some bytes, at least one; 0 at the end.
  virtual size_t read(RawBytes& raw, char* into, size_t size) = 0;
};

class Plain final : public Unpacker {
 public:
  size_t read(RawBytes& raw, char* into, size_t size) override {
    const auto rest = raw.rest();
    const size_t count = std::min(size, rest.size());
    std::memcpy(into, rest.data(), count);
    raw.take(count);
    return count;
  }
};

// RFC 1952; several members behind each other are one file.
class Gzip final : public Unpacker {
 public:
  Gzip() { COPPICE_CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK); }
  ~Gzip() override { inflateEnd(&stream_); }

  size_t read(RawBytes& raw, char* into, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = static_cast<uInt>(std::min(size, block));
    const uInt room = stream_.avail_out;
    while (stream_.avail_out == room) {
      const auto rest = raw.rest();
      if (rest.empty()) {
        if (within_) damaged(raw, "a gzip file that ends too early", "the end of the packed data");
        return 0;
      }
      if (!within_ && !begin_member(raw, rest)) return 0;
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      stream_.avail_in = static_cast<uInt>(rest.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      raw.take(rest.size() - stream_.avail_in);
      if (result == Z_STREAM_END)
        within_ = false;
      else if (result != Z_OK && result != Z_BUF_ERROR)
        damaged(raw, fmt::format("damaged gzip data before byte {}", raw.taken()), "what gzip has written");
    }
    return room - stream_.avail_out;
  }

 private:
  bool begin_member(RawBytes& raw, std::string_view rest) {
    if (members_ > 0 && rest[0] == 0) return false;  // padding
    if (members_ > 0 && rest[0] != '\x1f')
      damaged(raw, "other bytes behind the packed data", "the end of the file, or more of gzip");
    if (members_ > 0) inflateReset(&stream_);
    ++members_;
    return within_ = true;
  }

  z_stream stream_{};
  bool within_ = false;
  int64_t members_ = 0;
};

// RFC 8878; several frames behind each other are one file. Windows larger than 128 MiB are refused by the library.
class Zstandard final : public Unpacker {
 public:
  Zstandard() : context_(ZSTD_createDCtx()) { COPPICE_CHECK(context_ != nullptr); }
  ~Zstandard() override { ZSTD_freeDCtx(context_); }

  size_t read(RawBytes& raw, char* into, size_t size) override {
    ZSTD_outBuffer out{into, size, 0};
    while (out.pos == 0) {
      const auto rest = raw.rest();
      if (rest.empty() && !full_) {
        if (within_) damaged(raw, "a zstd file that ends too early", "the end of the packed data");
        return 0;
      }
      ZSTD_inBuffer in{rest.data(), rest.size(), 0};
      const size_t result = ZSTD_decompressStream(context_, &out, &in);
      raw.take(in.pos);
      if (ZSTD_isError(result))
        damaged(raw,
                fmt::format("damaged zstd data before byte {} ({})", raw.taken(), ZSTD_getErrorName(result)),
                "what zstd has written");
      within_ = result != 0;
      full_ = out.pos == out.size && within_;
    }
    return out.pos;
  }

 private:
  ZSTD_DCtx* context_;
  bool within_ = false, full_ = false;
};

struct Packing {
  std::string_view begin;
  const char *name, *advice;
};

constexpr Packing unreadable[] = {
    {"BZh", "a bzip2 file", "unpack it with bzip2 -dk"},
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     "an xz file", "unpack it with xz -dk"},
    {"\x1f\x9d", "a compress (.Z) file", "unpack it with gzip -dk"},
    {"\x04\x22\x4d\x18", "an lz4 file", "unpack it with lz4 -d"},
    {"PK\x03\x04", "a zip archive", "unpack it with unzip"},
    {"%PDF-", "a PDF file", "turn it into text with pdftotext"},
};

bool is_gzip(std::string_view begin) {
  return begin.starts_with("\x1f\x8b");
}

bool is_zstandard(std::string_view begin) {
  const bool skippable =
      begin.size() >= 4 && (begin[0] & 0xF0) == 0x50 && begin.substr(1, 3) == "\x2a\x4d\x18";
  return begin.starts_with("\x28\xb5\x2f\xfd") || skippable;
}

const Packing* find_unreadable(std::string_view begin) {
  for (const auto& packing : unreadable)
    if (begin.starts_with(packing.begin)) return &packing;
  return nullptr;
}

std::unique_ptr<Unpacker> unpacker_of(RawBytes& raw) {
  const auto begin = raw.rest();
  if (is_gzip(begin)) return std::make_unique<Gzip>();
  if (is_zstandard(begin)) return std::make_unique<Zstandard>();
  if (const Packing* packing = find_unreadable(begin))
    throw Error({.where = raw.where(),
                 .found = packing->name,
                 .expected = "text, plain or packed by gzip or zstd",
                 .advice = packing->advice});
  return std::make_unique<Plain>();
}

}  // namespace

struct ByteSource::State {
  explicit State(const std::filesystem::path& path) : raw(path), unpacker(unpacker_of(raw)) {}
  State(std::string_view bytes, std::string where)
      : raw(bytes, std::move(where)), unpacker(unpacker_of(raw)) {}

  RawBytes raw;
  std::unique_ptr<Unpacker> unpacker;
  bool ended = false;
  std::exception_ptr failure;  // to be thrown when what came before has been read
};

ByteSource::ByteSource(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
ByteSource::ByteSource(std::string_view bytes, std::string where)
    : state_(std::make_unique<State>(bytes, std::move(where))) {}
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;
ByteSource::~ByteSource() = default;

size_t ByteSource::read(char* into, size_t size) {
  if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
  size_t count = 0;
  while (count < size && !state_->ended) try {
      const size_t some = state_->unpacker->read(state_->raw, into + count, size - count);
      state_->ended = some == 0;
      count += some;
    } catch (...) {
      state_->ended = true;
      if (count == 0) throw;
      state_->failure = std::current_exception();
    }
  return count;
}

const std::string& ByteSource::where() const {
  return state_->raw.where();
}

uint64_t ByteSource::bytes_read() const {
  return state_->raw.taken();
}

std::string read_unpacked(ByteSource& source, size_t most) {
  std::string bytes;
  for (size_t size = 0;;) {
    bytes.resize(std::min(std::max(2 * size, block), most + 1));
    const size_t more = source.read(bytes.data() + size, bytes.size() - size);
    size += more;
    if (more == 0) {
      bytes.resize(size);
      return bytes;
    }
    if (size > most)
      throw Error({.where = source.where(),
                   .found = "more than " + human_bytes(static_cast<double>(most)) + " of text in one file",
                   .expected = "at most so much"});
  }
}

bool is_packed(std::string_view begin) {
  return is_gzip(begin) || is_zstandard(begin) || find_unreadable(begin) != nullptr;
}

std::filesystem::path without_packing(const std::filesystem::path& path) {
  const auto extension = path.extension();
  if (extension != ".gz" && extension != ".zst") return path;
  auto plain = path;
  return plain.replace_extension();
}

}  // namespace coppice
