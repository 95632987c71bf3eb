// Dense vectors of a collection and its queries without a trained encoder, to measure hybrids with: rows of tf-idf,
// (1 + ln tf) ln(N / df), of length 1, seen in the space of their `DIM` greatest singular values (latent semantic
// indexing, Deerwester et al. 1990). The space is found by subspace iteration; cosines in it do not depend on its axes.
//
//   svd_vectors COLLECTION QUERIES OUT [DIM]     writes OUT.docs.npy, .ids and OUT.queries.npy, .ids

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <unordered_map>

#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "format/collection/collection.h"
#include "format/npy.h"
#include "text/analysis/analyzer.h"

namespace {

using namespace coppice;

using Row = std::vector<std::pair<uint32_t, float>>;

std::map<std::string, int> counts_of(Analyzer& analyzer, const std::string& text) {
  AnalyzedText analyzed;
  analyzer.analyze(text, analyzed);
  std::map<std::string, int> counts;
  for (size_t i = 0; i < analyzed.tokens.size(); ++i) ++counts[std::string(analyzed.term(i))];
  return counts;
}

class TfIdf {
 public:
  explicit TfIdf(const std::vector<std::map<std::string, int>>& documents) {
    std::map<std::string, int> with;
    for (const auto& counts : documents)
      for (const auto& [term, count] : counts) ++with[term];
    for (const auto& [term, count] : with) {
      const auto place = static_cast<uint32_t>(terms_.size());
      terms_[term] = {place, std::log(static_cast<double>(documents.size()) / count)};
    }
  }
  size_t terms() const { return terms_.size(); }
  Row row(const std::map<std::string, int>& counts) const {
    Row row;
    double norm2 = 0;
    for (const auto& [term, count] : counts) {
      const auto found = terms_.find(term);
      if (found == terms_.end()) continue;
      const double weight = (1 + std::log(count)) * found->second.second;
      row.emplace_back(found->second.first, static_cast<float>(weight));
      norm2 += weight * weight;
    }
    for (auto& [term, weight] : row)
      weight = norm2 > 0 ? static_cast<float>(weight / std::sqrt(norm2)) : weight;
    return row;
  }

 private:
  std::unordered_map<std::string, std::pair<uint32_t, double>> terms_;
};

// Columns of `basis`, (terms, dim), made orthogonal and of length 1, one after the other.
void orthonormalize(std::vector<float>& basis, size_t dim) {
  const size_t rows = basis.size() / dim;
  for (size_t c = 0; c < dim; ++c) {
    std::vector<double> along(c);
    for (size_t r = 0; r < rows; ++r)
      for (size_t other = 0; other < c; ++other)
        along[other] += double{basis[r * dim + c]} * basis[r * dim + other];
    double norm2 = 0;
    for (size_t r = 0; r < rows; ++r) {
      double value = basis[r * dim + c];
      for (size_t other = 0; other < c; ++other) value -= along[other] * basis[r * dim + other];
      basis[r * dim + c] = static_cast<float>(value);
      norm2 += value * value;
    }
    const double scale = norm2 > 1e-20 ? 1 / std::sqrt(norm2) : 0;
    for (size_t r = 0; r < rows; ++r) basis[r * dim + c] = static_cast<float>(basis[r * dim + c] * scale);
  }
}

std::vector<float> project(const std::vector<Row>& rows, const std::vector<float>& basis, size_t dim) {
  std::vector<float> made(rows.size() * dim);
  parallel_for(static_cast<int64_t>(rows.size()), 64, [&](int64_t begin, int64_t end) {
    for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r)
      for (const auto& [term, weight] : rows[r])
        for (size_t d = 0; d < dim; ++d) made[r * dim + d] += weight * basis[term * dim + d];
  });
  return made;
}

void write(const std::string& path, const std::vector<std::string>& ids, const std::vector<float>& vectors,
           size_t dim) {
  std::string data = npy_header(static_cast<int64_t>(ids.size()), static_cast<int64_t>(dim)), names;
  data.append(reinterpret_cast<const char*>(vectors.data()), vectors.size() * sizeof(float));
  for (const auto& id : ids) names += id + "\n";
  write_file(path + ".npy", data);
  write_file(path + ".ids", names);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "svd_vectors COLLECTION QUERIES OUT [DIM]\n";
    return 2;
  }
  try {
    const std::string out = argv[3];
    const size_t dim = argc > 4 ? std::stoul(argv[4]) : 128;
    const auto analyzer = make_analyzer(analyzer_preset("english"));
    std::vector<std::string> ids, query_ids;
    std::vector<std::map<std::string, int>> counts;
    const auto reader = open_collection(argv[1]);
    for (SourceDocument document; reader->next(document);) {
      std::string text;
      for (const auto& [name, content] : document.fields) text += content + "\n";
      ids.push_back(document.id);
      counts.push_back(counts_of(*analyzer, text));
    }
    const TfIdf weights(counts);
    std::vector<Row> rows, query_rows;
    for (const auto& document : counts) rows.push_back(weights.row(document));
    for (const auto& query : read_queries(argv[2])) {
      query_ids.push_back(query.id);
      query_rows.push_back(weights.row(counts_of(*analyzer, query.text)));
    }
    std::vector<float> basis(weights.terms() * dim);
    Rng rng(1);
    for (auto& value : basis) value = static_cast<float>(rng.normal());
    orthonormalize(basis, dim);
    constexpr int iterations = 12;
    for (int i = 0; i < iterations; ++i) {
      const auto projected = project(rows, basis, dim);
      std::fill(basis.begin(), basis.end(), 0.0f);
      for (size_t r = 0; r < rows.size(); ++r)
        for (const auto& [term, weight] : rows[r])
          for (size_t d = 0; d < dim; ++d) basis[term * dim + d] += weight * projected[r * dim + d];
      orthonormalize(basis, dim);
    }
    write(out + ".docs", ids, project(rows, basis, dim), dim);
    write(out + ".queries", query_ids, project(query_rows, basis, dim), dim);
    std::cout << Json{{"documents", ids.size()},
                      {"queries", query_ids.size()},
                      {"terms", weights.terms()},
                      {"dim", dim}}
              << "\n";
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
    return error.exit_code();
  }
  return 0;
}
