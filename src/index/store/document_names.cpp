#include "index/store/document_names.h"

#include <cstring>

#include "index/damage.h"
#include "index/inverted/inverted_writer.h"

namespace coppice {
namespace {

uint64_t u64_at(std::span<const std::byte> bytes, size_t place) {
  uint64_t number;
  std::memcpy(&number, bytes.data() + 8 * place, sizeof number);
  return number;
}

}  // namespace

// count, then the end of each name behind the table, then the names.
void DocumentNames::write(const std::filesystem::path& path, std::span<const std::string_view> names) {
  AppendFile file(path);
  const auto put = [&](const void* data, size_t size) {
    file.write({static_cast<const uint8_t*>(data), size});
  };
  const uint64_t count = names.size();
  put(&count, 8);
  uint64_t end = 0;
  for (const auto name : names) {
    end += name.size();
    put(&end, 8);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    COPPICE_CHECK(i == 0 || names[i] < names[i - 1], "names out of order");
    put(names[i].data(), names[i].size());
  }
  file.finish();
}

DocumentNames::DocumentNames(const std::filesystem::path& path) : where_(path.string()), file_(path) {
  const auto bytes = file_.bytes();
  if (bytes.size() >= 8) count_ = u64_at(bytes, 0);
  bool fits = bytes.size() >= 8 && count_ <= bytes.size() / 8 - 1 && count_ < ~DocOrdinal{0};
  if (fits && count_ > 0) fits = u64_at(bytes, count_) == bytes.size() - 8 * (count_ + 1);
  if (!fits)
    throw Error({.where = where_,
                 .found = fmt::format("{} bytes that do not fit {} names", bytes.size(), count_),
                 .advice = see_the_damage});
}

std::string_view DocumentNames::operator[](DocOrdinal doc) const {
  COPPICE_CHECK(doc < count_);
  const auto bytes = file_.bytes();
  const uint64_t begin = doc == 0 ? 0 : u64_at(bytes, doc), end = u64_at(bytes, size_t{doc} + 1);
  const size_t table = 8 * (count_ + 1);
  if (begin > end || end > bytes.size() - table)
    throw Error({.where = where_,
                 .found = fmt::format("a name outside the file at document {}", doc),
                 .advice = see_the_damage});
  return {reinterpret_cast<const char*>(bytes.data()) + table + begin, end - begin};
}

std::optional<DocOrdinal> DocumentNames::find(std::string_view name) const {
  size_t low = 0, high = count_;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if ((*this)[static_cast<DocOrdinal>(middle)] > name)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < count_ && (*this)[static_cast<DocOrdinal>(low)] == name) return static_cast<DocOrdinal>(low);
  return std::nullopt;
}

}  // namespace coppice
