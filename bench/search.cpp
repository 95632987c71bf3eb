// Query times of the inverted index on one thread, and how they grow. Either a made collection with Zipf's law, at
// several sizes:
//   bench_search [--documents 100000] [--scales 1,4,16] [--queries 500]
// or a collection and its queries in files, analysed as `coppice index` does it:
//   bench_search --collection path/to/corpus.jsonl --query-file path/to/queries.jsonl [--analyzer english]
// Prints JSON: build time and size, and for every k and way of searching the time of a query from its terms to ranked
// documents, in microseconds.
//
// With COPPICE_PISA naming bench/peers/pisa_search.cpp built beside PISA, PISA is given the same lists in the same order
// of documents and the same queries by term number; with COPPICE_XAPIAN naming bench/peers/xapian_index.cpp built, Xapian
// is given the collection's analysed words. Ratios are ours to the peer's best: below 1 is faster or smaller.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>

#include <sys/resource.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/strings.h"
#include "format/collection/collection.h"
#include "index/inverted/inverted_builder.h"
#include "index/inverted/length_code.h"
#include "index/inverted/segment_query.h"

namespace {

using namespace coppice;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Arguments {
  size_t documents = 100000, queries = 500, repeats = 5;
  std::vector<size_t> scales = {1};
  std::vector<size_t> ks = {10, 1000};
  std::vector<Pruning> prunings = {Pruning::maxscore, Pruning::wand, Pruning::none};
  std::string collection, query_file, analyzer = "english", folder = "bench-search-index";
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--documents")
      arguments.documents = std::stoul(value);
    else if (name == "--queries")
      arguments.queries = std::stoul(value);
    else if (name == "--repeats")
      arguments.repeats = std::stoul(value);
    else if (name == "--collection")
      arguments.collection = value;
    else if (name == "--query-file")
      arguments.query_file = value;
    else if (name == "--analyzer")
      arguments.analyzer = value;
    else if (name == "--folder")
      arguments.folder = value;
    else if (name == "--k")
      arguments.ks = {std::stoul(value)};
    else if (name == "--pruning")
      arguments.prunings = {parse_enum<Pruning>(value, name, Fault::usage)};
    else if (name == "--scales") {
      arguments.scales.clear();
      for (const auto& scale : split(value, ',')) arguments.scales.push_back(std::stoul(scale));
    } else
      throw Error({.where = name, .found = "an unknown argument"}, Fault::usage);
  }
  return arguments;
}

using Query = std::vector<WeightedTerm>;

struct Made {
  double build_seconds = 0;
  InvertedSummary summary;
  uint64_t bytes = 0;
};

Made write(InvertedBuilder& builder, const std::filesystem::path& folder, Clock::time_point start) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::vector<DocOrdinal> order(builder.documents());
  std::iota(order.begin(), order.end(), DocOrdinal{0});
  Made made;
  made.summary = builder.write(folder, "text", order, {}, 1);
  made.build_seconds = seconds_since(start);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) made.bytes += entry.file_size();
  return made;
}

// Documents of 20 to 180 words whose ranks follow Zipf's law with exponent 1.
class ZipfWords {
 public:
  explicit ZipfWords(size_t vocabulary) : sums_(vocabulary) {
    double sum = 0;
    for (size_t i = 0; i < vocabulary; ++i) sums_[i] = sum += 1.0 / static_cast<double>(i + 1);
    for (double& s : sums_) s /= sum;
  }
  size_t draw(Rng& rng) const {
    return static_cast<size_t>(std::lower_bound(sums_.begin(), sums_.end(), rng.uniform()) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

Made make_zipf(size_t documents, size_t vocabulary, const std::filesystem::path& folder) {
  const ZipfWords words(vocabulary);
  Rng rng(17);
  InvertedBuilder builder(PostingKind::frequency);
  AnalyzedText text;
  const auto start = Clock::now();
  for (size_t doc = 0; doc < documents; ++doc) {
    text.clear();
    const uint64_t length = 20 + rng.below(161);
    for (uint32_t i = 0; i < length; ++i) {
      const std::string word = fmt::format("w{}", words.draw(rng));
      text.tokens.push_back(
          {static_cast<uint32_t>(text.terms.size()), static_cast<uint32_t>(word.size()), i, 0, 0});
      text.terms += word;
    }
    builder.add_text(text);
    builder.end_document();
  }
  return write(builder, folder, start);
}

// Two to five words, from the middle of the vocabulary more than from its head, as people ask.
std::vector<Query> zipf_queries(size_t count, size_t vocabulary) {
  Rng rng(18);
  std::vector<Query> queries(count);
  for (auto& query : queries)
    for (uint64_t n = 2 + rng.below(4); n > 0; --n)
      query.push_back(
          {fmt::format("w{}", 20 + static_cast<size_t>(
                                       std::pow(static_cast<double>(vocabulary) / 40, rng.uniform()) * 20)),
           1});
  return queries;
}

Made make_real(const Arguments& arguments, const std::filesystem::path& folder) {
  const auto reader = open_collection(arguments.collection);
  const auto analyzer = make_analyzer(analyzer_preset(arguments.analyzer));
  InvertedBuilder builder(PostingKind::frequency);
  AnalyzedText text;
  const auto start = Clock::now();
  for (SourceDocument document; reader->next(document);) {
    for (const auto& [name, content] : document.fields) {
      analyzer->analyze(content, text);
      builder.add_text(text);
    }
    builder.end_document();
  }
  return write(builder, folder, start);
}

std::vector<Query> real_queries(const Arguments& arguments) {
  const auto analyzer = make_analyzer(analyzer_preset(arguments.analyzer));
  std::vector<Query> queries;
  AnalyzedText text;
  for (const auto& source : read_queries(arguments.query_file)) {
    analyzer->analyze(source.text, text);
    std::map<std::string, float> terms;
    for (size_t i = 0; i < text.tokens.size(); ++i) terms[std::string(text.term(i))] = 1;
    Query query;
    for (const auto& [term, weight] : terms) query.push_back({term, weight});
    if (!query.empty()) queries.push_back(std::move(query));
  }
  return queries;
}

Json times(const InvertedIndex& index, const std::vector<Query>& queries, size_t k, Pruning pruning,
           size_t repeats) {
  // Each query's best time of several passes over all queries; then the distribution over queries.
  std::vector<double> best(queries.size(), 1e9);
  uint64_t checksum = 0;
  for (size_t pass = 0; pass < repeats; ++pass)
    for (size_t i = 0; i < queries.size(); ++i) {
      const auto start = Clock::now();
      InvertedStatistics statistics;
      statistics.add(index, queries[i]);
      const QueryWeights weights = weigh(queries[i], statistics, index.summary().bm25);
      const auto found = search(SegmentQuery(index, weights), k, nullptr, 0, pruning);
      best[i] = std::min(best[i], seconds_since(start) * 1e6);
      for (const auto& doc : found) checksum = checksum * 31 + doc.doc;
    }
  std::sort(best.begin(), best.end());
  const auto at = [&](double share) {
    return best[static_cast<size_t>(share * static_cast<double>(best.size() - 1))];
  };
  return {{"k", k},
          {"pruning", to_string(pruning)},
          {"mean_us", std::accumulate(best.begin(), best.end(), 0.0) / static_cast<double>(best.size())},
          {"p50_us", at(0.5)},
          {"p95_us", at(0.95)},
          {"p99_us", at(0.99)},
          {"checksum", checksum}};
}

// PISA's plain format: 32-bit numbers, each list led by its length.
void write_plain(const InvertedIndex& index, const std::vector<Query>& queries,
                 const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream docs(folder / "plain.docs", std::ios::binary),
      freqs(folder / "plain.freqs", std::ios::binary), sizes(folder / "plain.sizes", std::ios::binary),
      out(folder / "queries.txt");
  const auto put = [](std::ofstream& file, uint32_t number) {
    file.write(reinterpret_cast<const char*>(&number), sizeof number);
  };
  put(docs, 1);
  put(docs, index.documents());
  put(sizes, index.documents());
  for (DocOrdinal doc = 0; doc < index.documents(); ++doc) put(sizes, decode_length(index.lengths()[doc]));
  std::map<std::string, size_t> numbers;
  TermDictionary::Walk walk(index.terms());
  uint32_t buffer[block_size + kernels::unpack_over_write];
  while (walk.next()) {
    numbers.emplace(walk.term(), numbers.size());
    const PostingList list = index.postings(walk.entry());
    put(docs, list.documents());
    put(freqs, list.documents());
    for (uint32_t block = 0; block < list.blocks(); ++block) {
      list.docs(block, buffer);
      for (uint32_t i = 0; i < list.count(block); ++i) put(docs, buffer[i]);
      list.values(block, buffer);
      for (uint32_t i = 0; i < list.count(block); ++i) put(freqs, buffer[i]);
    }
  }
  for (const Query& query : queries) {
    std::string line;
    for (const auto& [term, weight] : query)
      if (const auto found = numbers.find(term); found != numbers.end())
        line += fmt::format("{}{}", line.empty() ? "" : "\t", found->second);
    if (!line.empty()) out << line << "\n";
  }
}

// The lines that a program prints of JSON objects; what else its libraries say is passed over.
Json answers_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  if (pipe == nullptr) throw system_error("cannot run", command);
  std::string text;
  char buffer[4096];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe.get())) text.append(buffer, got);
  if (const int status = ::pclose(pipe.release()); status != 0)
    throw Error({.where = command, .found = fmt::format("exit status {}", WEXITSTATUS(status))});
  Json lines = Json::array();
  for (const auto& line : split(text, '\n'))
    if (line.starts_with("{\"") && line.ends_with("}")) lines.push_back(parse_json(line, command));
  return lines;
}

// PISA's times, and ours to its best: among codecs and algorithms with exact scores, and with quantized ones.
Json beside_pisa(const std::string& program, const std::filesystem::path& plain, const Json& ours,
                 const Arguments& arguments, uint64_t our_bytes) {
  std::string command = fmt::format("{} {} {} {}", program, (plain / "plain").string(),
                                    (plain / "queries.txt").string(), arguments.repeats);
  for (const size_t k : arguments.ks) command += fmt::format(" {}", k);
  const Json theirs = answers_of(command);
  Json ratios = Json::array();
  for (const size_t k : arguments.ks)
    for (const bool quantized : {false, true})
      for (const char* key : {"p50_us", "p95_us"}) {
        const auto least = [&](const Json& rows, bool peer) {
          double best = 1e18;
          for (const Json& row : rows)
            if (row["k"] == k && (!peer || row["quantized"] == quantized))
              best = std::min(best, row[key].get<double>());
          return best;
        };
        ratios.push_back({{"k", k},
                          {"quantized", quantized},
                          {"what", key},
                          {"ours", least(ours, false)},
                          {"pisa", least(theirs, true)},
                          {"ratio", least(ours, false) / least(theirs, true)}});
      }
  uint64_t smallest = ~uint64_t{0};
  for (const Json& row : theirs)
    smallest = std::min(smallest, row["index_bytes"].get<uint64_t>() + row["wand_bytes"].get<uint64_t>());
  ratios.push_back({{"what", "bytes"},
                    {"ours", our_bytes},
                    {"pisa", smallest},
                    {"ratio", static_cast<double>(our_bytes) / static_cast<double>(smallest)}});
  return {{"times", theirs}, {"ratios", ratios}};
}

void write_words(const Arguments& arguments, const std::filesystem::path& path) {
  const auto reader = open_collection(arguments.collection);
  const auto analyzer = make_analyzer(analyzer_preset(arguments.analyzer));
  std::ofstream out(path, std::ios::binary);
  AnalyzedText text;
  for (SourceDocument document; reader->next(document);) {
    for (const auto& [name, content] : document.fields) {
      analyzer->analyze(content, text);
      for (size_t i = 0; i < text.tokens.size(); ++i) out << text.term(i) << ' ';
    }
    out << '\n';
  }
}

int64_t peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

Json measure(const Made& made, const std::vector<Query>& queries, const Arguments& arguments,
             const std::filesystem::path& folder) {
  const InvertedIndex index(folder, "text");
  Json results = Json::array();
  for (const size_t k : arguments.ks)
    for (const Pruning pruning : arguments.prunings)
      results.push_back(times(index, queries, k, pruning, arguments.repeats));
  Json result = {{"documents", made.summary.documents},
                 {"terms", made.summary.terms},
                 {"postings", made.summary.postings},
                 {"build_s", made.build_seconds},
                 {"documents_per_s", static_cast<double>(made.summary.documents) / made.build_seconds},
                 {"bytes", made.bytes},
                 {"bits_per_posting",
                  8.0 * static_cast<double>(made.bytes) / static_cast<double>(made.summary.postings)},
                 {"queries", queries.size()},
                 {"peak_bytes", peak_bytes()},
                 {"times", results}};
  if (const char* program = std::getenv("COPPICE_PISA")) {
    write_plain(index, queries, folder / "plain");
    result["pisa"] = beside_pisa(program, folder / "plain", results, arguments, made.bytes);
  }
  if (const char* program = std::getenv("COPPICE_XAPIAN");
      program != nullptr && !arguments.collection.empty()) {
    write_words(arguments, folder / "words");
    const Json theirs = answers_of(
        fmt::format("{} {} {}", program, (folder / "words").string(), (folder / "xapian").string()));
    result["xapian"] = theirs.at(0);
    result["xapian"]["ratio"] =
        result["documents_per_s"].get<double>() / theirs.at(0)["documents_per_s"].get<double>();
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments = parse(argc, argv);
  Json runs = Json::array();
  if (!arguments.collection.empty()) {
    const Made made = make_real(arguments, arguments.folder);
    runs.push_back(measure(made, real_queries(arguments), arguments, arguments.folder));
  } else {
    for (const size_t scale : arguments.scales) {
      const size_t documents = arguments.documents * scale;
      const size_t vocabulary = static_cast<size_t>(30 * std::sqrt(static_cast<double>(documents) * 100));
      const Made made = make_zipf(documents, vocabulary, arguments.folder);
      runs.push_back(measure(made, zipf_queries(arguments.queries, vocabulary), arguments, arguments.folder));
    }
  }
  std::filesystem::remove_all(arguments.folder);
  std::puts(
      to_text({{"benchmark", "search"}, {"isa", kernels::posting_kernels().name}, {"runs", runs}}).c_str());
  return 0;
} catch (const coppice::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
