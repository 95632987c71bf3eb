#include "index/store/segment.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/sha256.h"
#include "index/damage.h"

namespace coppice {
namespace {

template <class Part>
void check_documents(const Part& part, size_t documents, const std::filesystem::path& where) {
  if (static_cast<size_t>(part.documents()) != documents)
    throw Error({.where = where.string(),
                 .found = fmt::format("{} documents", part.documents()),
                 .expected = fmt::format("{}, as there are names", documents),
                 .advice = see_the_damage});
}

}  // namespace

Segment::Segment(const std::filesystem::path& folder, int64_t id, const IndexSpec& spec)
    : folder_(folder), id_(id), names_(folder / "names"), keys_(folder / "keys") {
  if (keys_.bytes().size() != 8 * names_.size())
    throw Error({.where = (folder / "keys").string(),
                 .found = fmt::format("{} bytes", keys_.bytes().size()),
                 .expected = fmt::format("{} for {} documents", 8 * names_.size(), names_.size()),
                 .advice = see_the_damage});
  if (spec.text) check_documents(text_.emplace(folder, "text"), names_.size(), folder / "text.json");
  if (spec.sparse) check_documents(sparse_.emplace(folder, "sparse"), names_.size(), folder / "sparse.json");
  if (spec.dense)
    check_documents(dense_.emplace(VectorIndex::open(folder / "dense")), names_.size(), folder / "dense");
  if (spec.late)
    check_documents(late_.emplace(LateIndex::open(folder / "late")), names_.size(), folder / "late");
}

int64_t Segment::key(DocOrdinal doc) const {
  COPPICE_CHECK(doc < documents());
  int64_t key;
  std::memcpy(&key, keys_.bytes().data() + 8 * size_t{doc}, sizeof key);
  return key;
}

void Segment::verify(const std::vector<SegmentFile>& files) const {
  const auto found = list_segment_files(folder_);
  const auto listed = [](const std::vector<SegmentFile>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const SegmentFile& file) { return file.name == name; });
  };
  for (const SegmentFile& file : files) {
    const auto it = listed(found, file.name);
    if (it == found.end()) throw Error({.where = (folder_ / file.name).string(), .found = "no such file"});
    if (it->size != file.size || it->sha256 != file.sha256)
      throw Error({.where = (folder_ / file.name).string(),
                   .found = fmt::format("{} bytes, sha256 {}", it->size, it->sha256),
                   .expected = fmt::format("{} bytes, sha256 {}", file.size, file.sha256)});
  }
  for (DocOrdinal doc = 1; doc < documents(); ++doc)
    if (names_[doc] >= names_[doc - 1])
      throw Error(
          {.where = (folder_ / "names").string(), .found = fmt::format("names out of order at {}", doc)});
  if (text_) text_->verify();
  if (sparse_) sparse_->verify();
  if (dense_) dense_->verify();
  if (late_) late_->verify();
}

std::filesystem::path segment_folder(const std::filesystem::path& index, int64_t id) {
  return index / "segments" / fmt::format("{:06}", id);
}

void check_sizes(const std::filesystem::path& folder, const std::vector<SegmentFile>& files) {
  for (const SegmentFile& file : files) {
    std::error_code error;
    const auto size = std::filesystem::file_size(folder / file.name, error);
    if (!error && size == static_cast<uintmax_t>(file.size)) continue;
    throw Error({.where = (folder / file.name).string(),
                 .found = error ? error.message() : fmt::format("{} bytes", size),
                 .expected = fmt::format("{} bytes", file.size),
                 .advice = "search --degraded answers without this segment"});
  }
}

std::vector<SegmentFile> list_segment_files(const std::filesystem::path& folder) {
  std::vector<SegmentFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const MappedFile file(entry.path());
    files.push_back(
        {entry.path().filename().string(), static_cast<int64_t>(file.bytes().size()), sha256(file.bytes())});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw system_error("cannot open", folder.string());
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0) throw system_error("cannot flush", folder.string());
}

}  // namespace coppice
