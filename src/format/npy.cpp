#include "format/npy.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"

namespace coppice {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

// The dictionary of the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  void read(std::string& type, bool& fortran, std::vector<int64_t>& shape) {
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !has_type) {
        type = quoted();
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        fortran = truth();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        shape = numbers();
        has_shape = true;
      } else {
        fail();
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size() || !has_type || !has_order || !has_shape) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Error({.where = where_,
                 .found = fmt::format("a header that cannot be read from byte {} on", at_),
                 .expected = "descr, fortran_order and shape of an array of numbers"});
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  std::string quoted() {
    skip_blanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail();
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == text_.npos) fail();
    const std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  bool truth() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair("False", false), std::pair("True", true)})
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::string_view(word).size();
        return value;
      }
    fail();
  }
  std::vector<int64_t> numbers() {
    std::vector<int64_t> list;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      int64_t number = 0;
      const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
      if (result.ec != std::errc() || number < 0 || list.size() == 16) fail();
      at_ = static_cast<size_t>(result.ptr - text_.data());
      list.push_back(number);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return list;
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
};

DType dtype_of(const std::string& descr, const std::string& where) {
  static constexpr std::pair<const char*, DType> known[] = {
      {"<f8", DType::f64}, {"<f4", DType::f32}, {"<f2", DType::f16},
      {"<i8", DType::i64}, {"<i4", DType::i32}, {"<i2", DType::i16},
      {"|i1", DType::i8},  {"|u1", DType::u8},  {"|b1", DType::boolean}};
  for (const auto& [name, dtype] : known)
    if (descr == name) return dtype;
  throw Error({.where = where,
               .found = fmt::format("elements of type '{}'", descr.substr(0, 40)),
               .expected = "<f4, <f2, <f8, <i4, <i8 or another little-endian number"});
}

}  // namespace

std::string npy_header(int64_t rows, int64_t columns) {
  std::string text =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  constexpr size_t before = 10, multiple = 64;  // magic, version and length come before the text
  while ((before + text.size() + 1) % multiple != 0) text += ' ';
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

TensorView parse_npy(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(magic) || text.size() < 12)
    throw Error({.where = where,
                 .found = text.starts_with(magic) || magic.starts_with(text) ? "a file that is cut short"
                                                                             : "no .npy file",
                 .expected = "an array as NumPy saves it"});
  const auto version = static_cast<unsigned>(text[6]);
  if (version < 1 || version > 3)
    throw Error({.where = where, .found = fmt::format("version {}", version), .expected = "1 to 3"});
  const size_t length_bytes = version == 1 ? 2 : 4, begin = 8 + length_bytes;
  size_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(text[8 + i]);
  if (length > text.size() - begin)
    throw Error({.where = where,
                 .found = fmt::format("a header of {} bytes in a file of {}", length, text.size()),
                 .expected = "a whole file"});
  std::string descr;
  bool fortran = false;
  TensorView array = {.name = where};
  HeaderReader(text.substr(begin, length), where).read(descr, fortran, array.shape);
  array.dtype = dtype_of(descr, where);
  if (fortran && array.shape.size() > 1)
    throw Error({.where = where,
                 .found = "an array in Fortran's order",
                 .expected = "C order",
                 .advice = "save numpy.ascontiguousarray(…)"});
  array.bytes = bytes.subspan(begin + length);
  size_t size = byte_size(array.dtype);
  bool fits = true;
  for (const int64_t count : array.shape)
    fits = fits && !__builtin_mul_overflow(size, static_cast<size_t>(count), &size);
  if (!fits || size != array.bytes.size())
    throw Error({.where = where,
                 .found = fmt::format("{} bytes of elements", array.bytes.size()),
                 .expected = fits ? fmt::format("{} for the shape {}", size, shape_text(array.shape))
                                  : fmt::format("a shape that can be, not {}", shape_text(array.shape)),
                 .advice = array.bytes.size() < size ? "perhaps the file is cut short" : ""});
  return array;
}

}  // namespace coppice
