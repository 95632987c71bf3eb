#include "index/inverted/inverted_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "index/inverted/length_code.h"

namespace coppice {

AppendFile::AppendFile(std::filesystem::path path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw system_error("cannot write", path_.string());
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::write(std::span<const uint8_t> bytes) {
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
  if (waiting_.size() >= size_t{1} << 20) flush();
}

void AppendFile::flush() {
  for (size_t done = 0; done < waiting_.size();) {
    const ssize_t written = ::write(descriptor_, waiting_.data() + done, waiting_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw system_error("cannot write", path_.string());
    done += static_cast<size_t>(written);
  }
  waiting_.clear();
}

void AppendFile::finish() {
  flush();
  if (::fsync(descriptor_) != 0) throw system_error("cannot flush", path_.string());
  ::close(std::exchange(descriptor_, -1));
}

std::vector<float> bm25_norms(const Bm25& bm25, double average_length) {
  std::vector<float> norms(256);
  for (size_t code = 0; code < norms.size(); ++code) {
    const double length = decode_length(static_cast<uint8_t>(code));
    const double relative = average_length > 0 ? length / average_length : 1;
    norms[code] = static_cast<float>(bm25.k1 * (1 - bm25.b + bm25.b * relative));
  }
  return norms;
}

InvertedWriter::InvertedWriter(const std::filesystem::path& folder, const std::string& name,
                               const InvertedSummary& summary, std::vector<uint8_t> lengths,
                               uint32_t highest_value)
    : folder_(folder),
      name_(name),
      summary_(summary),
      lengths_(std::move(lengths)),
      norms_(bm25_norms(summary.bm25, summary.average_length())),
      postings_(folder / (name + ".postings")) {
  summary_.highest_value = std::max<int64_t>(1, highest_value);
  summary_.terms = summary_.postings = 0;
  COPPICE_CHECK(lengths_.size() == static_cast<size_t>(summary.documents));
  if (summary.positions) positions_.emplace(folder / (name + ".positions"));
}

void InvertedWriter::add(std::string_view term, std::span<const DocOrdinal> docs,
                         std::span<const uint32_t> values, const TermPositions* positions) {
  buffer_.clear();
  const bool saturated = summary_.kind == PostingKind::frequency;
  const float highest = static_cast<float>(summary_.highest_value);
  TermEntry entry = append_postings(
      docs, values,
      [&](size_t i) {
        const float value = static_cast<float>(values[i]);
        return saturated ? value / (value + norms_[lengths_[docs[i]]]) : value / highest;
      },
      buffer_);
  entry.postings_at = postings_.size();
  postings_.write(buffer_);
  if (positions_) {
    COPPICE_CHECK(positions != nullptr && positions->ends.size() == docs.size());
    entry.positions_at = positions_->size();
    // A list of several blocks begins with where each block's bytes begin.
    if (docs.size() > block_size) {
      std::vector<uint8_t> table;
      for (size_t block = 0; block < docs.size(); block += block_size) {
        const uint64_t begin = block == 0 ? 0 : positions->ends[block - 1];
        COPPICE_CHECK(begin <= ~uint32_t{0}, "positions of one term above 4 GiB");
        for (int shift = 0; shift < 32; shift += 8) table.push_back(static_cast<uint8_t>(begin >> shift));
      }
      positions_->write(table);
    }
    positions_->write(positions->bytes);
    entry.positions_size = positions_->size() - entry.positions_at;
  }
  terms_.add(term, entry);
  summary_.terms += 1;
  summary_.postings += static_cast<int64_t>(docs.size());
}

InvertedSummary InvertedWriter::finish() {
  const std::vector<uint8_t> padding(kernels::unpack_over_read);
  postings_.write(padding);
  postings_.finish();
  if (positions_) positions_->finish();
  const auto write_whole = [&](const char* ending, std::span<const uint8_t> bytes) {
    AppendFile file(folder_ / (name_ + ending));
    file.write(bytes);
    file.finish();
  };
  write_whole(".terms", terms_.finish());
  write_whole(".lengths", lengths_);
  const std::string summary = to_json(summary_).dump(1) + "\n";
  write_whole(".json", {reinterpret_cast<const uint8_t*>(summary.data()), summary.size()});
  return summary_;
}

}  // namespace coppice
