#include "index/late/late_index.h"

#include <algorithm>

#include "format/float16.h"
#include "index/late/late_part.h"
#include "index/late/late_search.h"
#include "kernels/vector_isa.h"

namespace coppice {
namespace {

// Places of stretches in an array of `end` elements: rising from 0 to the end.
void check_places(std::span<const uint64_t> begins, int64_t end, const std::string& where, const char* what) {
  bool right = begins.front() == 0 && begins.back() == static_cast<uint64_t>(end);
  for (size_t i = 1; i < begins.size(); ++i) right = right && begins[i - 1] <= begins[i];
  if (!right)
    throw Error(
        {.where = where, .found = fmt::format("places of {} that do not rise from 0 to {}", what, end)});
}

}  // namespace

void LateFile::read(std::span<const std::byte> bytes, const std::string& where) {
  file = SectionFile(bytes, late_part_kind, where);
  from_json(file.part(), part, where);
  const auto& spec = part.spec;
  if (spec.bits == 3) throw Error({.where = where, .found = "3 bits per dimension", .expected = "1, 2 or 4"});
  const auto tokens = static_cast<uint64_t>(part.tokens),
             centroid_count = static_cast<uint64_t>(part.centroids);
  const auto dim = static_cast<uint64_t>(part.dim);
  doc_begins = file.array<uint64_t>("doc_begins", static_cast<uint64_t>(part.documents) + 1);
  check_places(doc_begins, part.tokens, where, "documents");
  codes = file.array<uint32_t>("codes", tokens);
  residuals =
      file.array<uint8_t>("residuals", tokens, static_cast<uint64_t>(residual_bytes(part.dim, spec.bits)));
  centroids = file.array<float>("centroids", centroid_count, static_cast<uint64_t>(padded_dim(part.dim)));
  cutoffs = file.array<float>("cutoffs", (uint64_t{1} << spec.bits) - 1);
  weights = file.array<float>("weights", 16);
  list_begins = file.array<uint64_t>("list_begins", centroid_count + 1);
  check_places(list_begins, part.postings, where, "lists");
  list_docs = file.array<DocOrdinal>("list_docs", static_cast<uint64_t>(part.postings));
  if (spec.tokens == TokenStorage::f32) f32 = file.array<float>("f32", tokens, dim);
  if (spec.tokens == TokenStorage::bf16) bf16 = file.array<uint16_t>("bf16", tokens, dim);
  decoder = {.centroids = centroids,
             .weights = weights,
             .dim = part.dim,
             .bits = spec.bits,
             .count = part.centroids,
             .normalize = spec.normalize};
}

void LateFile::decode(DocOrdinal doc, int64_t first, int64_t count, float* rows) const {
  const uint64_t begin = doc_begins[doc] + static_cast<uint64_t>(first);
  const auto bytes = static_cast<uint64_t>(residual_bytes(part.dim, part.spec.bits));
  decoder.decode(codes.subspan(begin, static_cast<size_t>(count)), residuals.data() + begin * bytes, rows);
}

LateIndex::LateIndex(std::unique_ptr<LateFile> file) : file_(std::move(file)) {}
LateIndex::LateIndex(LateIndex&&) noexcept = default;
LateIndex& LateIndex::operator=(LateIndex&&) noexcept = default;
LateIndex::~LateIndex() = default;

LateIndex LateIndex::open(const std::filesystem::path& path) {
  MappedFile mapped(path);
  LateIndex index = parse(mapped.bytes(), path.string());
  index.file_->mapped.emplace(std::move(mapped));
  return index;
}

LateIndex LateIndex::parse(std::span<const std::byte> bytes, const std::string& where) {
  auto file = std::make_unique<LateFile>();
  file->read(bytes, where);
  return LateIndex(std::move(file));
}

const LateIndexSpec& LateIndex::spec() const {
  return file_->part.spec;
}
int64_t LateIndex::dim() const {
  return file_->part.dim;
}
size_t LateIndex::documents() const {
  return static_cast<size_t>(file_->part.documents);
}
int64_t LateIndex::tokens() const {
  return file_->part.tokens;
}
int64_t LateIndex::centroids() const {
  return file_->part.centroids;
}
uint64_t LateIndex::bytes() const {
  return file_->file.size();
}

double LateIndex::drift() const {
  const LatePart& part = file_->part;
  return part.tokens > 0 && part.training_error > 0 ? part.error / part.training_error : 1;
}

LateCodebook LateIndex::codebook() const {
  const LateFile& state = *file_;
  LateCodebook codebook = {.dim = dim(), .bits = state.part.spec.bits, .error = state.part.training_error};
  for (int64_t c = 0; c < centroids(); ++c) {
    const auto row =
        state.centroids.subspan(static_cast<size_t>(c * padded_dim(dim())), static_cast<size_t>(dim()));
    codebook.centroids.insert(codebook.centroids.end(), row.begin(), row.end());
  }
  codebook.cutoffs.assign(state.cutoffs.begin(), state.cutoffs.end());
  codebook.weights.assign(state.weights.begin(), state.weights.begin() + (1 << state.part.spec.bits));
  return codebook;
}

std::vector<ScoredDoc> LateIndex::search(const TokenMatrix& query, size_t k, const DocSet* allowed,
                                         const LateSearchOptions& options) const {
  COPPICE_CHECK(allowed == nullptr || allowed->documents() == documents());
  const LateQuery prepared = prepare_late_query(query, options.weights, dim());
  LateSearchReport report;
  auto result = options.exact ? exact_late_search(*file_, prepared, k, allowed, report)
                              : plaid_search(*file_, prepared, k, allowed, options, report);
  if (options.report != nullptr) *options.report = report;
  return result;
}

std::optional<float> LateIndex::score(DocOrdinal doc, const TokenMatrix& query,
                                      std::span<const float> weights) const {
  if (doc >= documents() || file_->tokens_in(doc) == 0) return std::nullopt;
  const LateQuery prepared = prepare_late_query(query, weights, dim());
  std::vector<float> rows, best(static_cast<size_t>(prepared.columns));
  best_matches(*file_, prepared, doc, rows, best);
  return weighted_sum(prepared, best);
}

std::vector<TokenMatch> LateIndex::explain(DocOrdinal doc, const TokenMatrix& query) const {
  std::vector<TokenMatch> matches;
  if (doc >= documents() || file_->tokens_in(doc) == 0) return matches;
  const LateQuery prepared = prepare_late_query(query, {}, dim());
  const auto tokens = tokens_of(doc);
  const auto& kernels = kernels::active_vectors();
  std::vector<float> similarities(static_cast<size_t>(file_->tokens_in(doc) * prepared.columns));
  kernels.panel_product_f32({.panels = prepared.panels.data(),
                             .panel_count = prepared.columns / kernels.panel_width,
                             .dim = dim(),
                             .rows = tokens.data(),
                             .row_stride = dim(),
                             .row_count = file_->tokens_in(doc)},
                            similarities.data(), prepared.columns);
  for (int64_t q = 0; q < prepared.tokens; ++q) {
    TokenMatch match = {q, 0, similarities[static_cast<size_t>(q)]};
    for (int64_t t = 1; t < file_->tokens_in(doc); ++t)
      if (const float value = similarities[static_cast<size_t>(t * prepared.columns + q)];
          value > match.similarity)
        match = {q, t, value};
    matches.push_back(match);
  }
  return matches;
}

int64_t LateIndex::documents_near(std::span<const float> token) const {
  COPPICE_CHECK(static_cast<int64_t>(token.size()) == dim());
  const auto width = static_cast<size_t>(padded_dim(dim()));
  size_t nearest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < static_cast<size_t>(centroids()); ++c) {
    double distance = 0;
    for (size_t d = 0; d < token.size(); ++d) {
      const double difference = double{token[d]} - file_->centroids[c * width + d];
      distance += difference * difference;
    }
    if (distance < least) {
      least = distance;
      nearest = c;
    }
  }
  return static_cast<int64_t>(file_->list_begins[nearest + 1] - file_->list_begins[nearest]);
}

std::vector<float> LateIndex::tokens_of(DocOrdinal doc) const {
  const LateFile& state = *file_;
  if (doc >= documents()) return {};
  const auto count = static_cast<size_t>(state.tokens_in(doc)), width = static_cast<size_t>(dim());
  const auto begin = static_cast<size_t>(state.doc_begins[doc]);
  std::vector<float> tokens(count * width);
  if (!state.f32.empty()) {
    std::copy_n(state.f32.data() + begin * width, tokens.size(), tokens.begin());
  } else if (!state.bf16.empty()) {
    std::transform(state.bf16.data() + begin * width, state.bf16.data() + begin * width + tokens.size(),
                   tokens.begin(), bf16_to_float);
  } else {
    std::vector<float> row(static_cast<size_t>(padded_dim(dim())));
    for (size_t t = 0; t < count; ++t) {
      state.decode(doc, static_cast<int64_t>(t), 1, row.data());
      std::copy_n(row.begin(), width, tokens.begin() + static_cast<int64_t>(t * width));
    }
  }
  return tokens;
}

void LateIndex::for_each(const std::function<void(DocOrdinal, const TokenMatrix&)>& visit) const {
  for (size_t doc = 0; doc < documents(); ++doc) {
    if (file_->tokens_in(static_cast<DocOrdinal>(doc)) == 0) continue;
    const auto tokens = tokens_of(static_cast<DocOrdinal>(doc));
    visit(static_cast<DocOrdinal>(doc), {tokens, dim()});
  }
}

void LateIndex::verify() const {
  const LateFile& state = *file_;
  state.file.verify();
  const auto fail = [&](std::string found) {
    throw Error({.where = state.file.where(), .found = std::move(found)});
  };
  for (const uint32_t code : state.codes)
    if (code >= state.part.centroids) fail(fmt::format("centroid {} of {}", code, state.part.centroids));
  for (size_t c = 0; c + 1 < state.list_begins.size(); ++c)
    for (uint64_t i = state.list_begins[c]; i < state.list_begins[c + 1]; ++i)
      if (state.list_docs[i] >= state.part.documents ||
          (i > state.list_begins[c] && state.list_docs[i] <= state.list_docs[i - 1]))
        fail(fmt::format("the list of centroid {} is not of ascending documents", c));
}

}  // namespace coppice
