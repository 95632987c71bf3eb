#include "index/store/segment_builder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace coppice {
namespace {

uint32_t steps_of(float weight, double unit) {
  return static_cast<uint32_t>(std::min(std::round(weight / unit), 2147483647.0));
}

}  // namespace

SegmentBuilder::SegmentBuilder(const IndexSpec& spec, std::optional<LateCodebook> codebook)
    : spec_(spec),
      codebook_(std::move(codebook)),
      text_(PostingKind::frequency, spec.text && spec.text->positions),
      sparse_(PostingKind::weight) {}

void check_document_id(std::string_view id, const std::string& where) {
  const auto fail = [&](std::string found, std::string expected) {
    throw Error({.where = where, .found = std::move(found), .expected = std::move(expected)});
  };
  if (id.empty()) fail("a document without an id", "an id");
  if (id.find_first_of(std::string_view("\0\n\r\t ", 5)) != std::string_view::npos)
    fail(fmt::format("the id '{}'", id), "no white space in ids, as in TREC runs");
}

void SegmentBuilder::check(const IndexedDocument& document) const {
  const std::string where = document.where.empty() ? "document " + document.id : document.where;
  const auto fail = [&](std::string found, std::string expected) {
    throw Error({.where = where, .found = std::move(found), .expected = std::move(expected)});
  };
  check_document_id(document.id, where);
  if (spec_.sparse)
    for (const auto& [term, weight] : document.sparse)
      if (!std::isfinite(weight) || weight < 0)
        fail(fmt::format("weight {} of term '{}'", weight, term), "finite weights of at least 0");
  const auto check_numbers = [&](std::span<const float> numbers, int64_t dim, bool rows) {
    const int64_t size = static_cast<int64_t>(numbers.size());
    if (rows ? size % dim != 0 : size != dim)
      fail(fmt::format("a vector of {} numbers", size),
           fmt::format("{}{}", rows ? "a multiple of " : "", dim));
    for (const float number : numbers)
      if (!std::isfinite(number)) fail(fmt::format("{} in a vector", number), "finite numbers");
  };
  if (spec_.dense)
    for (const auto& vector : document.vectors) check_numbers(vector, spec_.dense->dim, false);
  if (spec_.late) check_numbers(document.tokens, spec_.late->dim, true);
}

void SegmentBuilder::add(const IndexedDocument& document, std::span<const WeightedText> text, int64_t key) {
  check(document);
  COPPICE_CHECK(ids_.insert(document.id).second, "a document given twice");
  names_.push_back(document.id);
  name_bytes_ += 3 * document.id.size() + 120;
  keys_.push_back(key);
  if (spec_.text) {
    for (const auto& [analyzed, weight] : text) text_.add_text(analyzed, weight);
    text_.end_document();
  }
  if (spec_.sparse) {
    // A term that comes twice counts with its greatest weight.
    std::map<std::string_view, float> weights;
    for (const auto& [term, weight] : document.sparse) {
      float& kept = weights[term];
      kept = std::max(kept, weight);
    }
    for (const auto& [term, weight] : weights)
      if (const uint32_t steps = steps_of(weight, spec_.sparse->unit); steps > 0)
        sparse_.add_weight(term, steps);
    sparse_.end_document();
  }
  if (spec_.dense) {
    vectors_.push_back(document.vectors);
    vector_bytes_ += document.vectors.size() * (4 * static_cast<size_t>(spec_.dense->dim) + 32) * 2;
  }
  if (spec_.late) {
    tokens_.push_back(document.tokens);
    vector_bytes_ += document.tokens.size() * 8;
  }
}

size_t SegmentBuilder::memory() const {
  return name_bytes_ + vector_bytes_ + text_.memory() + sparse_.memory();
}

void SegmentBuilder::write(const std::filesystem::path& folder) {
  const size_t count = documents();
  std::vector<DocOrdinal> order(count);
  std::iota(order.begin(), order.end(), DocOrdinal{0});
  std::sort(order.begin(), order.end(), [&](DocOrdinal a, DocOrdinal b) { return names_[a] > names_[b]; });

  std::filesystem::create_directories(folder);
  std::vector<std::string_view> names;
  std::vector<int64_t> keys;
  for (const DocOrdinal doc : order) {
    names.push_back(names_[doc]);
    keys.push_back(keys_[doc]);
  }
  DocumentNames::write(folder / "names", names);
  AppendFile key_file(folder / "keys");
  key_file.write({reinterpret_cast<const uint8_t*>(keys.data()), 8 * keys.size()});
  key_file.finish();

  if (spec_.text) text_.write(folder, "text", order, spec_.text->bm25, 1);
  if (spec_.sparse) sparse_.write(folder, "sparse", order, {}, spec_.sparse->unit);
  if (spec_.dense) {
    VectorIndexBuilder dense(spec_.dense->index, spec_.dense->dim, count);
    for (size_t i = 0; i < count; ++i)
      for (const auto& vector : std::exchange(vectors_[order[i]], {}))
        dense.add(static_cast<DocOrdinal>(i), vector);
    dense.write(folder / "dense");
  }
  if (spec_.late) {
    LateIndexBuilder late(spec_.late->index, spec_.late->dim, count, codebook_);
    for (size_t i = 0; i < count; ++i) {
      const auto tokens = std::exchange(tokens_[order[i]], {});
      late.add(static_cast<DocOrdinal>(i), {tokens, spec_.late->dim});
    }
    late.write(folder / "late");
  }
  sync_folder(folder);
  names_.clear();
  ids_.clear();
  keys_.clear();
  vectors_.clear();
  tokens_.clear();
  name_bytes_ = vector_bytes_ = 0;
}

}  // namespace coppice
