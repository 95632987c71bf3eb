// PISA's side of bench_search: compresses a plain collection, makes block maxima, and times queries. Built by hand beside
// PISA's sources and not with Coppice, since it includes their headers; it needs of PISA's submodules FastPFor, simdcomp
// and mio, and spdlog, fmt, range-v3, Boost and TBB from packages:
//
//   gcc -O3 -march=native -Iexternal/simdcomp/include -c external/simdcomp/src/simd*.c
//   g++ -std=c++20 -O3 -DNDEBUG -march=native -Iinclude -Iinclude/pisa -Iexternal -Iexternal/mio/include
//     -Iexternal/simdcomp/include PATH/TO/pisa_search.cpp src/block_inverted_index.cpp src/codec/optpfor.cpp
//     src/codec/simdbp.cpp src/codec/interpolative.cpp src/bit_vector.cpp src/bit_vector_builder.cpp
//     src/linear_quantizer.cpp src/memory_source.cpp src/progress.cpp src/query.cpp src/io.cpp
//     src/temporary_directory.cpp external/FastPFor/src/*bitpacking.cpp simd*.o -lspdlog -lfmt -ltbb -o pisa_search
//
//   pisa_search PREFIX QUERIES REPEATS K…
//
// One line of JSON for each codec, algorithm and k; a query's time is its best, from term numbers to ranked documents.
// "quantized" is PISA's index of 8-bit scores, which ranks by rounded BM25.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <sstream>
#include <unordered_set>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "block_inverted_index.hpp"
#include "codec/optpfor.hpp"
#include "codec/simdbp.hpp"
#include "cursor/block_max_scored_cursor.hpp"
#include "cursor/max_scored_cursor.hpp"
#include "query/algorithm/block_max_maxscore_query.hpp"
#include "query/algorithm/block_max_wand_query.hpp"
#include "query/algorithm/maxscore_query.hpp"
#include "topk_queue.hpp"
#include "wand_data.hpp"

namespace {

using namespace pisa;
using Clock = std::chrono::steady_clock;
using WandData = wand_data<wand_data_raw>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

BlockCodecPtr codec_of(const std::string& name) {
  if (name == "block_optpfor") return std::make_shared<OptPForBlockCodec>();
  return std::make_shared<SimdBpBlockCodec>();
}

std::vector<Query> read_queries(const std::string& path) {
  std::vector<Query> queries;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    const std::vector<TermId> terms{std::istream_iterator<TermId>(words), {}};
    queries.emplace_back(std::nullopt, terms, query::default_policy);
  }
  return queries;
}

template <class Algorithm>
size_t run(auto&& cursors, size_t documents, size_t k) {
  topk_queue top(k);
  Algorithm algorithm(top);
  algorithm(cursors, documents);
  top.finalize();
  return top.topk().size();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  spdlog::set_level(spdlog::level::off);
  const std::string prefix = argv[1];
  const std::vector<Query> queries = read_queries(argv[2]);
  const int repeats = std::atoi(argv[3]);
  const std::unordered_set<size_t> nothing_dropped;
  const ScorerParams bm25("bm25");
  for (const bool quantized : {false, true}) {
    const std::string wand_path = prefix + (quantized ? ".quantized-wand" : ".wand");
    std::optional<Size> bits;
    if (quantized) bits = Size(8);
    const auto wand_start = Clock::now();
    create_wand_data(wand_path, prefix, FixedBlock(64), bm25, false, false, bits, nothing_dropped);
    const double wand_seconds = seconds_since(wand_start);
    const WandData wand(MemorySource::mapped_file(wand_path));
    const auto scorer = scorer::from_params(quantized ? ScorerParams("quantized") : bm25, wand);
    for (const std::string name : {"block_simdbp", "block_optpfor"}) {
      const std::string index_path = prefix + "." + name + (quantized ? ".quantized" : "");
      const auto start = Clock::now();
      BlockIndexBuilder builder(codec_of(name), bm25);
      if (quantized) builder.quantize(*bits, wand);
      builder.build(binary_freq_collection(prefix.c_str()), index_path);
      const double compress_seconds = seconds_since(start);
      const BlockInvertedIndex index(MemorySource::mapped_file(index_path), codec_of(name));
      for (int argument = 4; argument < argc; ++argument)
        for (const std::string algorithm : {"maxscore", "block_max_maxscore", "block_max_wand"}) {
          const size_t k = std::stoul(argv[argument]);
          std::vector<double> best(queries.size(), 1e12);
          size_t found = 0;
          for (int pass = 0; pass < repeats; ++pass)
            for (size_t i = 0; i < queries.size(); ++i) {
              const auto begin = Clock::now();
              if (algorithm == "maxscore")
                found += run<maxscore_query>(make_max_scored_cursors(index, wand, *scorer, queries[i], false),
                                             index.num_docs(), k);
              else if (algorithm == "block_max_maxscore")
                found += run<block_max_maxscore_query>(
                    make_block_max_scored_cursors(index, wand, *scorer, queries[i], false), index.num_docs(),
                    k);
              else
                found += run<block_max_wand_query>(
                    make_block_max_scored_cursors(index, wand, *scorer, queries[i], false), index.num_docs(),
                    k);
              best[i] = std::min(best[i], seconds_since(begin) * 1e6);
            }
          std::sort(best.begin(), best.end());
          const auto at = [&](double share) {
            return best[static_cast<size_t>(share * static_cast<double>(best.size() - 1))];
          };
          const nlohmann::json line = {
              {"codec", name},
              {"quantized", quantized},
              {"algorithm", algorithm},
              {"k", k},
              {"found", found},
              {"mean_us", std::accumulate(best.begin(), best.end(), 0.0) / static_cast<double>(best.size())},
              {"p50_us", at(0.5)},
              {"p95_us", at(0.95)},
              {"p99_us", at(0.99)},
              {"compress_s", compress_seconds},
              {"wand_s", wand_seconds},
              {"index_bytes", std::filesystem::file_size(index_path)},
              {"wand_bytes", std::filesystem::file_size(wand_path)}};
          std::cout << "\n" << line.dump() << std::endl;  // building leaves a line open
        }
    }
  }
}
