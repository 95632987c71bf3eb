#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/log.h"
#include "format/float16.h"
#include "index/late/late_index.h"
#include "index/late/late_part.h"

namespace coppice {

struct LateIndexBuilder::State {
  LateIndexSpec spec;
  int64_t dim;
  size_t documents;
  std::optional<LateCodebook> codebook;
  std::vector<DocOrdinal> docs;  // that have come
  std::vector<uint64_t> begins;  // of their tokens
  std::vector<float> tokens;     // (tokens, dim)
  // Of documents that came encoded; their tokens are kept only if the file keeps them.
  std::vector<uint32_t> codes;
  std::vector<uint8_t> residuals;  // (tokens, residual_bytes)
  double error = 0;                // sum over tokens
};

LateIndexBuilder::LateIndexBuilder(LateIndexSpec spec, int64_t dim, size_t documents,
                                   std::optional<LateCodebook> codebook)
    : state_(std::make_unique<State>()) {
  if (dim < 1 || dim > 32767)
    throw Error({.where = "tokens", .found = fmt::format("{} dimensions", dim), .expected = "1 to 32767"});
  if (spec.bits != 1 && spec.bits != 2 && spec.bits != 4)
    throw Error({.where = "bits", .found = std::to_string(spec.bits), .expected = "1, 2 or 4"}, Fault::usage);
  if (codebook && (codebook->dim != dim || codebook->bits != spec.bits))
    throw Error({.where = "tokens",
                 .found = fmt::format("{} dimensions and {} bits", dim, spec.bits),
                 .expected = fmt::format("{} and {}, as the index has", codebook->dim, codebook->bits)});
  *state_ = {.spec = spec, .dim = dim, .documents = documents, .codebook = std::move(codebook)};
}
LateIndexBuilder::~LateIndexBuilder() = default;

void LateIndexBuilder::add(DocOrdinal doc, const TokenMatrix& tokens, const std::string& where) {
  State& state = *state_;
  COPPICE_CHECK(doc < state.documents && (state.docs.empty() || doc > state.docs.back()));
  const auto width = static_cast<size_t>(state.dim);
  if (tokens.dim != state.dim || tokens.values.size() % width != 0)
    throw Error({.where = where,
                 .found = fmt::format("{} numbers in rows of {}", tokens.values.size(), tokens.dim),
                 .expected = fmt::format("rows of {}", state.dim)});
  for (size_t i = 0; i < tokens.values.size(); ++i)
    if (!std::isfinite(tokens.values[i]))
      throw Error({.where = fmt::format("{}, token {}, dimension {}", where, i / width, i % width),
                   .found = fmt::format("{}", tokens.values[i]),
                   .expected = "a finite number"});
  state.docs.push_back(doc);
  state.begins.push_back(state.tokens.size() / width);
  state.tokens.insert(state.tokens.end(), tokens.values.begin(), tokens.values.end());
}

void LateIndexBuilder::add_stored(DocOrdinal doc, const LateIndex& from, DocOrdinal of) {
  State& state = *state_;
  const LateFile& file = *from.file_;
  COPPICE_CHECK(doc < state.documents && (state.docs.empty() || doc > state.docs.back()));
  COPPICE_CHECK(state.codebook && file.part.dim == state.dim && file.part.spec.bits == state.spec.bits);
  const auto bytes = static_cast<size_t>(residual_bytes(state.dim, state.spec.bits));
  const auto codes = file.codes_of(of);
  for (const uint32_t code : codes)
    if (code >= state.codebook->count())
      throw Error({.where = file.file.where(),
                   .found = fmt::format("centroid {} of {}", code, state.codebook->count())});
  state.docs.push_back(doc);
  state.begins.push_back(state.codes.size());
  state.codes.insert(state.codes.end(), codes.begin(), codes.end());
  const auto residuals = file.residuals.subspan(file.doc_begins[of] * bytes, codes.size() * bytes);
  state.residuals.insert(state.residuals.end(), residuals.begin(), residuals.end());
  state.error += file.part.error * static_cast<double>(codes.size());
  if (state.spec.tokens == TokenStorage::none) return;
  const auto tokens = from.tokens_of(of);
  state.tokens.insert(state.tokens.end(), tokens.begin(), tokens.end());
}

namespace {

// Stretches of `rows`, each element `width` long, in a new order: the i-th of `from` are its first and its length.
template <class T>
std::vector<T> gathered(const std::vector<T>& rows, size_t width,
                        std::span<const std::pair<uint64_t, uint64_t>> from) {
  std::vector<T> made;
  if (rows.empty()) return made;
  made.reserve(rows.size());
  for (const auto& [first, count] : from)
    made.insert(made.end(), rows.begin() + static_cast<int64_t>(first * width),
                rows.begin() + static_cast<int64_t>((first + count) * width));
  return made;
}

}  // namespace

LateIndexBuilder::Report LateIndexBuilder::write(const std::filesystem::path& path,
                                                 std::span<const DocOrdinal> order) {
  State& state = *state_;
  const auto width = static_cast<size_t>(state.dim);
  const auto bytes = static_cast<size_t>(residual_bytes(state.dim, state.spec.bits));
  const bool encoded = !state.codes.empty();
  COPPICE_CHECK(!encoded || state.tokens.empty() || state.tokens.size() == state.codes.size() * width);
  const size_t token_count = encoded ? state.codes.size() : state.tokens.size() / width;
  state.begins.push_back(token_count);

  // Documents in their final order: where their tokens are.
  COPPICE_CHECK(order.empty() || order.size() == state.documents);
  std::vector<uint64_t> doc_begins = {0};
  std::vector<std::pair<uint64_t, uint64_t>> stretches;
  for (size_t i = 0; i < state.documents; ++i) {
    const DocOrdinal doc = order.empty() ? static_cast<DocOrdinal>(i) : order[i];
    const auto at = std::lower_bound(state.docs.begin(), state.docs.end(), doc);
    if (at != state.docs.end() && *at == doc) {
      const auto place = static_cast<size_t>(at - state.docs.begin());
      stretches.emplace_back(state.begins[place], state.begins[place + 1] - state.begins[place]);
      doc_begins.push_back(doc_begins.back() + stretches.back().second);
    } else {
      doc_begins.push_back(doc_begins.back());
    }
  }
  COPPICE_CHECK(doc_begins.back() == token_count);
  const std::vector<float> tokens =
      order.empty() ? std::move(state.tokens) : gathered(state.tokens, width, stretches);
  std::vector<uint32_t> codes = gathered(state.codes, 1, stretches);
  std::vector<uint8_t> residuals = gathered(state.residuals, bytes, stretches);

  if (!state.codebook) state.codebook = train_codebook(tokens, state.spec, state.dim);
  const LateCodebook& codebook = *state.codebook;
  double error = state.error;
  if (!encoded) {
    codes.resize(token_count);
    residuals.resize(token_count * bytes);
    error = ResidualEncoder(codebook, state.spec.normalize).encode(tokens, codes, residuals);
  }

  // Lists: documents by centroid, each once.
  const auto centroid_count = static_cast<size_t>(codebook.count());
  std::vector<std::vector<DocOrdinal>> lists(centroid_count);
  for (size_t doc = 0; doc < state.documents; ++doc)
    for (uint64_t t = doc_begins[doc]; t < doc_begins[doc + 1]; ++t)
      if (auto& list = lists[codes[t]]; list.empty() || list.back() != doc)
        list.push_back(static_cast<DocOrdinal>(doc));
  std::vector<uint64_t> list_begins = {0};
  std::vector<DocOrdinal> list_docs;
  for (const auto& list : lists) {
    list_docs.insert(list_docs.end(), list.begin(), list.end());
    list_begins.push_back(list_docs.size());
  }

  const auto padded = static_cast<size_t>(padded_dim(state.dim));
  std::vector<float> centroids(centroid_count * padded), weights(16);
  for (size_t c = 0; c < centroid_count; ++c)
    std::copy_n(codebook.centroids.begin() + static_cast<int64_t>(c * width), width,
                centroids.begin() + static_cast<int64_t>(c * padded));
  std::copy(codebook.weights.begin(), codebook.weights.end(), weights.begin());

  Report report = {.tokens = static_cast<int64_t>(token_count), .centroids = codebook.count()};
  report.error = token_count > 0 ? error / static_cast<double>(token_count) : 0;
  if (token_count > 0 && codebook.error > 0) report.drift = report.error / codebook.error;
  if (report.drift > drift_limit)
    log_warning(
        "{}: token vectors differ from those that the centroids were trained on: their error is {:.2f} times "
        "as large; "
        "build the index anew to train on all",
        path.string(), report.drift);

  SectionWriter writer;
  std::vector<uint16_t> bf16;
  writer.add("doc_begins", std::span<const uint64_t>(doc_begins));
  writer.add("codes", std::span<const uint32_t>(codes));
  writer.add("residuals", std::span<const uint8_t>(residuals));
  writer.add("centroids", std::span<const float>(centroids));
  writer.add("cutoffs", std::span<const float>(codebook.cutoffs));
  writer.add("weights", std::span<const float>(weights));
  writer.add("list_begins", std::span<const uint64_t>(list_begins));
  writer.add("list_docs", std::span<const DocOrdinal>(list_docs));
  if (state.spec.tokens == TokenStorage::f32) writer.add("f32", std::span<const float>(tokens));
  if (state.spec.tokens == TokenStorage::bf16) {
    bf16.resize(tokens.size());
    std::transform(tokens.begin(), tokens.end(), bf16.begin(), float_to_bf16);
    writer.add("bf16", std::span<const uint16_t>(bf16));
  }
  writer.write(path, late_part_kind,
               to_json(LatePart{.spec = state.spec,
                                .dim = state.dim,
                                .documents = static_cast<int64_t>(state.documents),
                                .tokens = report.tokens,
                                .centroids = report.centroids,
                                .postings = static_cast<int64_t>(list_docs.size()),
                                .training_error = codebook.error,
                                .error = report.error}));
  return report;
}

}  // namespace coppice
