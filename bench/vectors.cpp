// Searching 100,000 vectors of 128 numbers in 1,000 clusters for the 10 nearest of each of 1,000 queries, on one thread,
// beside hnswlib and FAISS. Graphs and lists are searched with the least effort of a fixed scale that finds 95% of the
// nearest; all contenders take turns, and the middle one of several rounds counts. Peers are Debian's packages; hnswlib
// is compiled here for this processor. Graphs are built on all threads.
//
//   bench_vectors [ROUNDS] [VECTORS] [flat|hnsw|ivf_pq]

#include "index/vector/vectors.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexRefine.h>
#include <hnswlib/hnswlib.h>
#include <omp.h>
#include <unistd.h>

#include "base/json.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/rng.h"

namespace {

using namespace coppice;

constexpr int64_t dim = 128, clusters = 1000, query_count = 1000, k = 10;
constexpr double wanted_recall = 0.95;

double seconds_of(auto&& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double middle(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

using Ids = std::vector<uint32_t>;

struct Contender {
  std::string name;
  double build_seconds = 0;
  std::function<Ids(const float* query, int64_t effort)> search;
  std::vector<int64_t> efforts;  // rising; one of 0 if there is nothing to choose
  int64_t queries = query_count;
  int64_t effort = 0;
  double recall = 0;
  std::vector<double> per_second;
};

double recall_of(const Contender& contender, int64_t effort, const std::vector<float>& queries,
                 const std::vector<Ids>& truth) {
  int64_t found = 0;
  for (int64_t q = 0; q < contender.queries; ++q) {
    const auto& right = truth[static_cast<size_t>(q)];
    for (const uint32_t id : contender.search(queries.data() + q * dim, effort))
      found += std::count(right.begin(), right.end(), id);
  }
  return static_cast<double>(found) / static_cast<double>(contender.queries * k);
}

Ids ids_of(const std::vector<ScoredDoc>& docs) {
  Ids ids;
  for (const auto& doc : docs) ids.push_back(doc.doc);
  return ids;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const int64_t count = argc > 2 ? std::atoll(argv[2]) : 100000;
  const std::string only = argc > 3 ? argv[3] : "";
  const auto takes_part = [&](const char* method) { return only.empty() || only == method; };
  Progress::silence(true);
  Rng rng(1);
  std::vector<float> centres(clusters * dim), vectors(static_cast<size_t>(count * dim)),
      queries(query_count * dim);
  for (auto& value : centres) value = static_cast<float>(rng.normal());
  const auto fill = [&](std::vector<float>& rows) {
    for (size_t row = 0; row < rows.size() / dim; ++row) {
      const size_t centre = rng.below(clusters);
      for (size_t d = 0; d < dim; ++d)
        rows[row * dim + d] = centres[centre * dim + d] + static_cast<float>(0.5 * rng.normal());
    }
  };
  fill(vectors);
  fill(queries);
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("coppice-bench-{}", ::getpid());
  std::filesystem::create_directories(folder);

  std::vector<std::unique_ptr<VectorIndex>> ours;
  std::vector<Contender> contenders;
  const std::vector<int64_t> efs = {10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 192, 256, 512};
  const std::vector<int64_t> probes = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
  const auto add_ours = [&](const std::string& name, VectorIndexSpec spec) {
    spec.similarity = Similarity::l2;
    Contender added = {.name = name};
    added.build_seconds = seconds_of([&] {
      VectorIndexBuilder builder(spec, dim, static_cast<size_t>(count));
      for (int64_t row = 0; row < count; ++row)
        builder.add(static_cast<DocOrdinal>(row),
                    std::span(vectors).subspan(static_cast<size_t>(row * dim), dim));
      builder.write(folder / name);
    });
    ours.push_back(std::make_unique<VectorIndex>(VectorIndex::open(folder / name)));
    added.search = [index = ours.back().get()](const float* query, int64_t effort) {
      VectorSearchOptions options;
      if (index->spec().method == VectorMethod::hnsw) options.ef_search = effort;
      if (index->spec().method == VectorMethod::ivf_pq) options.probes = effort;
      return ids_of(index->search({query, dim}, k, nullptr, options));
    };
    added.efforts = spec.method == VectorMethod::flat   ? std::vector<int64_t>{0}
                    : spec.method == VectorMethod::hnsw ? efs
                                                        : probes;
    contenders.push_back(std::move(added));
  };
  add_ours("flat f32", {});
  if (takes_part("flat")) {
    add_ours("flat bf16", {.stored = VectorType::bf16});
    add_ours("flat int8+f32", {.stored = VectorType::int8});
  }
  for (const int64_t m : {16, 32}) {
    if (!takes_part("hnsw")) break;
    add_ours(fmt::format("hnsw f32 m={}", m), {.method = VectorMethod::hnsw, .hnsw = {.m = m}});
    add_ours(fmt::format("hnsw int8+f32 m={}", m),
             {.method = VectorMethod::hnsw, .stored = VectorType::int8, .hnsw = {.m = m}});
  }
  if (takes_part("ivf_pq"))
    add_ours("ivf_pq", {.method = VectorMethod::ivf_pq, .ivf_pq = {.lists = clusters, .subquantizers = 32}});

  hnswlib::L2Space space(dim);
  std::vector<std::unique_ptr<hnswlib::HierarchicalNSW<float>>> graphs;
  for (const int64_t m : {16, 32}) {
    if (!takes_part("hnsw")) break;
    Contender added = {.name = fmt::format("hnswlib m={}", m)};
    graphs.push_back(std::make_unique<hnswlib::HierarchicalNSW<float>>(&space, static_cast<size_t>(count),
                                                                       static_cast<size_t>(m), 200));
    auto* graph = graphs.back().get();
    added.build_seconds = seconds_of([&] {
      graph->addPoint(vectors.data(), 0);
      parallel_for(count - 1, 64, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin + 1; row < end + 1; ++row)
          graph->addPoint(vectors.data() + row * dim, static_cast<size_t>(row));
      });
    });
    added.search = [graph](const float* query, int64_t effort) {
      graph->setEf(static_cast<size_t>(effort));
      auto queue = graph->searchKnn(query, k);
      Ids ids;
      for (; !queue.empty(); queue.pop()) ids.push_back(static_cast<uint32_t>(queue.top().second));
      return ids;
    };
    added.efforts = efs;
    contenders.push_back(std::move(added));
  }

  omp_set_num_threads(thread_count());
  const auto faiss_search = [](const faiss::Index& index) {
    return [&index](const float* query, int64_t) {
      std::vector<float> distances(k);
      std::vector<faiss::Index::idx_t> found(k);
      index.search(1, query, k, distances.data(), found.data());
      return Ids(found.begin(), found.end());
    };
  };
  faiss::IndexFlatL2 flat(dim);
  if (takes_part("flat")) {
    Contender added = {.name = "FAISS flat"};
    added.build_seconds = seconds_of([&] { flat.add(count, vectors.data()); });
    added.search = faiss_search(flat);
    added.efforts = {0};
    added.queries = 100;
    contenders.push_back(std::move(added));
  }
  faiss::IndexFlatL2 coarse(dim);
  faiss::IndexIVFPQ lists(&coarse, dim, clusters, 32, 8);
  faiss::IndexRefineFlat refined(&lists);
  refined.k_factor = 10;
  if (takes_part("ivf_pq")) {
    Contender added = {.name = "FAISS ivf_pq with refinement"};
    added.build_seconds = seconds_of([&] {
      refined.train(count, vectors.data());
      refined.add(count, vectors.data());
    });
    added.search = [&, search = faiss_search(refined)](const float* query, int64_t effort) {
      lists.nprobe = static_cast<size_t>(effort);
      return search(query, effort);
    };
    added.efforts = probes;
    contenders.push_back(std::move(added));
  }

  const int build_threads = thread_count();
  set_threads(1);
  omp_set_num_threads(1);
  std::vector<Ids> truth;
  for (int64_t q = 0; q < query_count; ++q)
    truth.push_back(ids_of(ours[0]->search({queries.data() + q * dim, dim}, k)));
  for (auto& contender : contenders)
    for (const int64_t effort : contender.efforts) {
      contender.effort = effort;
      contender.recall = recall_of(contender, effort, queries, truth);
      if (contender.recall >= wanted_recall) break;
    }
  for (int round = 0; round < rounds; ++round)
    for (auto& contender : contenders) {
      const double seconds = seconds_of([&] {
        for (int64_t q = 0; q < contender.queries; ++q)
          contender.search(queries.data() + q * dim, contender.effort);
      });
      contender.per_second.push_back(static_cast<double>(contender.queries) / seconds);
    }

  Json rows = Json::array();
  std::map<std::string, double> speed;
  for (const auto& contender : contenders) {
    speed[contender.name] = middle(contender.per_second);
    rows.push_back({{"name", contender.name},
                    {"effort", contender.effort},
                    {"recall_at_10", contender.recall},
                    {"queries_per_s", speed[contender.name]},
                    {"build_seconds", contender.build_seconds}});
  }
  Json ratios = Json::object();
  const auto compare = [&](const std::string& name, const std::vector<std::string>& ours_of,
                           const std::vector<std::string>& theirs) {
    const auto best = [&](const std::vector<std::string>& names) {
      double highest = 0;
      for (const auto& of : names) highest = std::max(highest, speed[of]);
      return highest;
    };
    if (best(theirs) > 0) ratios[name] = best(ours_of) / best(theirs);
  };
  const std::vector<std::string> graphs_of_peer = {"hnswlib m=16", "hnswlib m=32"};
  compare("hnsw_f32_to_hnswlib", {"hnsw f32 m=16", "hnsw f32 m=32"}, graphs_of_peer);
  compare("hnsw_int8_to_hnswlib", {"hnsw int8+f32 m=16", "hnsw int8+f32 m=32"}, graphs_of_peer);
  for (const char* type : {"f32", "bf16", "int8+f32"})
    compare(fmt::format("flat_{}_to_faiss", type), {fmt::format("flat {}", type)}, {"FAISS flat"});
  compare("ivf_pq_to_faiss", {"ivf_pq"}, {"FAISS ivf_pq with refinement"});
  const Json json = {{"vectors", count},   {"dim", dim},
                     {"rounds", rounds},   {"build_threads", build_threads},
                     {"contenders", rows}, {"ratios", ratios}};
  std::cout << json.dump(1) << "\n";
  ours.clear();
  std::filesystem::remove_all(folder);
  return 0;
}
