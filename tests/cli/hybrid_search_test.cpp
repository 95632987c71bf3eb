// Vectors on the command line: indexed from files, searched by every mode, fused; and what is refused.

#include <gmock/gmock.h>

#include "base/json.h"
#include "format/trec.h"
#include "model/formula_weights.h"
#include "model/model_directory.h"
#include "model/sentence/cross_encoder.h"
#include "model/small_bert.h"
#include "model/tiny_tokenizers.h"
#include "process.h"

namespace coppice {
namespace {

using test::Outcome;
using test::run_coppice;
using test::TemporaryFolder;
using testing::HasSubstr;

class HybridSearch : public testing::Test {
 protected:
  HybridSearch() {
    write_file(folder_ / "docs.jsonl",
               "{\"_id\": \"a\", \"title\": \"Apples\", \"text\": \"red apples and green apples\"}\n"
               "{\"_id\": \"b\", \"title\": \"Pears\", \"text\": \"pears are like an apple\"}\n"
               "{\"_id\": \"c\", \"title\": \"Stones\", \"text\": \"grey stones\"}\n");
    write_file(folder_ / "dense.jsonl",
               "{\"id\": \"a\", \"vector\": [1, 0]}\n{\"id\": \"b\", \"vector\": [[0.6, 0.8], [0, 1]]}\n"
               "{\"id\": \"c\", \"vector\": [-1, 0.1]}\n");
    write_file(folder_ / "late.jsonl",
               "{\"id\": \"a\", \"tokens\": [[1, 0], [0.8, 0.6]]}\n{\"id\": \"b\", \"tokens\": [[0, 1]]}\n"
               "{\"id\": \"c\", \"tokens\": []}\n");
    write_file(folder_ / "queries.tsv.jsonl",
               "{\"_id\": \"1\", \"text\": \"apple\"}\n{\"_id\": \"2\", \"text\": \"stone\"}\n");
    write_file(folder_ / "qd.jsonl",
               "{\"id\": \"1\", \"vector\": [0, 1]}\n{\"id\": \"2\", \"vector\": [-1, 0]}\n");
    write_file(folder_ / "ql.jsonl",
               "{\"id\": \"1\", \"tokens\": [[0, 1]]}\n{\"id\": \"2\", \"tokens\": [[1, 0]]}\n");
    write_file(folder_ / "one.jsonl", "{\"id\": \"q\", \"vector\": [0, 1]}\n");
    write_file(folder_ / "one_late.jsonl", "{\"id\": \"q\", \"tokens\": [[0, 1]]}\n");
  }

  Outcome make_index(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {
        "index",   path("docs.jsonl"),  "-o",     path("index"),      "--overwrite",
        "--dense", path("dense.jsonl"), "--late", path("late.jsonl"), "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run_coppice(words);
  }
  Outcome search(std::vector<std::string> words) {
    words.insert(words.begin(), {"search", path("index")});
    return run_coppice(words);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  const TemporaryFolder folder_;
};

std::vector<std::string> ids(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::string> found;
  const Json json = parse_json(outcome.out, "out");
  for (const auto& hit : json["hits"]) found.push_back(hit["id"].get<std::string>());
  return found;
}

void write_encoder(const std::filesystem::path& folder, const ModelSpec& spec) {
  std::vector<std::vector<float>> values;
  std::vector<TensorData> tensors;
  values.reserve(tensor_table(spec).size());
  for (const auto& tensor : tensor_table(spec)) {
    values.push_back(test::weights_of(tensor.name, tensor.shape));
    tensors.push_back({tensor.name, DType::f32, tensor.shape, std::as_bytes(std::span(values.back()))});
  }
  std::filesystem::create_directories(folder);
  write_model(folder, spec, tensors);
  test::write_word_piece_files(folder);
}

TEST_F(HybridSearch, EveryModeFindsAndExplains) {
  ASSERT_EQ(make_index().exit_code, 0);
  EXPECT_THAT(ids(search({"apple", "--json"})), testing::ElementsAre("a", "b"));
  const std::vector<std::string> dense = {"--query-dense", path("one.jsonl")},
                                 late = {"--query-late", path("one_late.jsonl")};
  EXPECT_THAT(ids(search({"--mode", "dense", dense[0], dense[1], "--json"})),
              testing::ElementsAre("b", "c", "a"));
  EXPECT_THAT(ids(search({"--mode", "late", late[0], late[1], "--json"})), testing::ElementsAre("b", "a"));
  const auto hybrid =
      search({"apple", "--mode", "hybrid", dense[0], dense[1], late[0], late[1], "--explain"});
  EXPECT_EQ(hybrid.exit_code, 0) << hybrid.err;
  EXPECT_THAT(hybrid.out,
              testing::AllOf(HasSubstr("bm25, rank 1"), HasSubstr("dense, rank 1"), HasSubstr("Pears")));
  EXPECT_THAT(search({"--mode", "dense", dense[0], dense[1], "--explain"}).out,
              HasSubstr("nearest of 2 vectors"));
  EXPECT_THAT(search({"--mode", "late", late[0], late[1], "--explain"}).out, HasSubstr("query token 0"));
  EXPECT_THAT(ids(search({"apple", "--mode", "hybrid", "--fuse", "product", "--parts", "bm25,dense", dense[0],
                          dense[1], "--json"})),
              testing::ElementsAre("b", "c", "a"));
  EXPECT_THAT(ids(search({"apple", "--mode", "hybrid", "--parts", "bm25,dense", "--weights", "1,0", dense[0],
                          dense[1], "--json"})),
              testing::ElementsAre("a", "b"));
  EXPECT_THAT(ids(search({"apple", "--mode", "late", "--first", "bm25", late[0], late[1], "--json"})),
              testing::ElementsAre("b", "a"));
}

TEST_F(HybridSearch, RunsAreFusedAsSearchesAre) {
  ASSERT_EQ(make_index().exit_code, 0);
  const auto run = [&](const std::string& mode) {
    const auto outcome =
        search({"--queries", path("queries.tsv.jsonl"), "--mode", mode, "--query-dense", path("qd.jsonl"),
                "--query-late", path("ql.jsonl"), "-o", path(mode + ".run"), "--quiet"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(folder_ / (mode + ".run"));
  };
  run("bm25");
  run("dense");
  run("late");
  const std::string hybrid = run("hybrid");
  const auto fused = run_coppice({"fuse", path("bm25.run"), path("dense.run"), path("late.run")});
  EXPECT_EQ(fused.exit_code, 0) << fused.err;
  EXPECT_EQ(fused.out, hybrid);
  const auto neutral = run_coppice({"fuse", path("bm25.run"), path("dense.run"), "--weights", "0,1"});
  EXPECT_EQ(neutral.out, read_file(folder_ / "dense.run"));
  // JSON has the same hits, in the form in which a search prints them.
  const auto run_of = [](const Json& json) {
    std::string lines;
    for (const auto& result : json["results"])
      for (const auto& hit : result["hits"])
        append_run_line(lines, result["query"].get<std::string>(), hit["id"].get<std::string>(),
                        hit["rank"].get<size_t>(), hit["score"].get<double>(), "coppice");
    return lines;
  };
  const auto json = parse_json(
      run_coppice({"fuse", path("bm25.run"), path("dense.run"), path("late.run"), "--json"}).out, "out");
  EXPECT_EQ(run_of(json), hybrid);
  EXPECT_EQ(json["runs"], 3);
  EXPECT_EQ(json["hits"], std::count(hybrid.begin(), hybrid.end(), '\n'));
  const auto searched = search({"--queries", path("queries.tsv.jsonl"), "--mode", "bm25", "--json"});
  EXPECT_EQ(run_of(parse_json(searched.out, "out")), read_file(folder_ / "bm25.run"));
  const auto to_file =
      run_coppice({"fuse", path("bm25.run"), path("dense.run"), "--json", "-o", path("both.run")});
  EXPECT_EQ(parse_json(to_file.out, "out"), Json({{"runs", 2},
                                                  {"queries", 2},
                                                  {"hits", parse_json(to_file.out, "out")["hits"]},
                                                  {"output", path("both.run")}}));
  EXPECT_EQ(run_coppice({"fuse", path("bm25.run"), path("dense.run"), "--weights", "1"}).exit_code, 2);
  write_file(folder_ / "twice.run", "1 Q0 a 1 2 x\n1 Q0 a 2 1 x\n");
  EXPECT_THAT(run_coppice({"fuse", path("twice.run"), path("bm25.run")}).err, HasSubstr("'a' twice"));
}

TEST_F(HybridSearch, VectorsAreAddedLater) {
  ASSERT_EQ(make_index({"--dense-method", "hnsw", "--dense-type", "int8"}).exit_code, 0);
  write_file(folder_ / "more.jsonl", "{\"_id\": \"d\", \"text\": \"more apples\"}\n");
  write_file(folder_ / "more_dense.jsonl", "{\"id\": \"d\", \"vector\": [0.1, 1]}\n");
  write_file(folder_ / "more_late.jsonl", "{\"id\": \"d\", \"tokens\": [[0, 1]]}\n");
  EXPECT_THAT(run_coppice({"index", "add", path("index"), path("more.jsonl")}).err, HasSubstr("--dense"));
  const auto added = run_coppice({"index", "add", path("index"), path("more.jsonl"), "--dense",
                                  path("more_dense.jsonl"), "--late", path("more_late.jsonl")});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  EXPECT_THAT(ids(search({"--mode", "dense", "--query-dense", path("one.jsonl"), "--json"})),
              testing::ElementsAre("b", "d", "c", "a"));
  EXPECT_EQ(run_coppice({"index", "verify", path("index")}).exit_code, 0);
}

TEST_F(HybridSearch, WindowsAreRankedByTheirBest) {
  write_file(folder_ / "long.jsonl",
             "{\"_id\": \"x\", \"text\": \"one two three four apple apple seven eight\"}\n"
             "{\"_id\": \"y\", \"text\": \"an apple\"}\n");
  ASSERT_EQ(
      run_coppice({"index", path("long.jsonl"), "-o", path("index"), "--window", "4", "--quiet"}).exit_code,
      0);
  EXPECT_THAT(ids(search({"apple", "--json"})), testing::UnorderedElementsAre("x", "y"));
  EXPECT_THAT(ids(search({"apple", "--json", "--passages"})),
              testing::UnorderedElementsAre("x#2", "x#3", "y#1"));
  EXPECT_THAT(ids(search({"apple", "--json", "--passages", "--first", "bm25", "--first-depth", "1"})),
              testing::UnorderedElementsAre("x#2", "x#3"))
      << "passages of the best document";
  EXPECT_THAT(ids(search({"seven -one", "--json"})), testing::ElementsAre())
      << "a document is left out for what any of its windows has";
  EXPECT_THAT(ids(search({"+one +eight", "--json"})), testing::ElementsAre("x"));
  EXPECT_THAT(ids(search({"seven -one", "--json", "--passages"})), testing::Not(testing::IsEmpty()));
  write_file(folder_ / "short.jsonl", "{\"_id\": \"x\", \"text\": \"pears\"}\n");
  ASSERT_EQ(run_coppice({"index", "add", path("index"), path("short.jsonl"), "--quiet"}).exit_code, 0);
  EXPECT_THAT(ids(search({"apple", "--json"})), testing::ElementsAre("y"));
  ASSERT_EQ(run_coppice({"index", "delete", path("index"), "y"}).exit_code, 0);
  EXPECT_THAT(ids(search({"apple", "--json"})), testing::ElementsAre());
}

TEST_F(HybridSearch, AProgramRanksAnew) {
  ASSERT_EQ(make_index().exit_code, 0);
  EXPECT_THAT(ids(search({"apple", "--json", "--rerank", "awk '/Pears/ {print 2; next} {print 1}'"})),
              testing::ElementsAre("b", "a"));
  const auto few = search({"apple", "--rerank", "head -n 1 | sed 's/.*/1/'"});
  EXPECT_EQ(few.exit_code, 3);
  EXPECT_THAT(few.err, HasSubstr("1 scores"));
  EXPECT_THAT(search({"apple", "--rerank", "cat"}).err, HasSubstr("a finite number a line"));
  EXPECT_THAT(search({"apple", "--rerank", "exit 9"}).err, HasSubstr("exit status 9"));
  EXPECT_THAT(search({"apple", "--rerank", "cross-encoder/ms-marco-MiniLM-L6-v2"}).err,
              testing::AllOf(HasSubstr("no such command, directory or file"), HasSubstr("coppice pull")));
}

TEST_F(HybridSearch, ANeutralRerankerGivesTheRankingBack) {
  ASSERT_EQ(make_index().exit_code, 0);
  const std::vector<std::string> base = {"--queries", path("queries.tsv.jsonl"), "--quiet"};
  const auto run = [&](const std::vector<std::string>& more) {
    auto words = base;
    words.insert(words.end(), more.begin(), more.end());
    const auto outcome = search(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  };
  const std::string plain = run({});
  write_file(folder_ / "base.run", plain);
  EXPECT_EQ(run({"--rerank", path("base.run")}), plain);
  EXPECT_EQ(run({"--rerank", "sed 's/.*\"score\":\\([^,}]*\\).*/\\1/'"}), plain);
  // The other way round, by a packed run.
  write_file(folder_ / "turned.run", "1 Q0 a 1 -1 x\n1 Q0 b 1 2 x\n2 Q0 c 1 0 x\n");
  EXPECT_EQ(run({"--rerank", path("turned.run"), "--tag", "x"}),
            "1 Q0 b 1 2 x\n1 Q0 a 2 -1 x\n2 Q0 c 1 0 x\n");
  write_file(folder_ / "few.run", "1 Q0 a 1 1 x\n2 Q0 c 1 0 x\n");
  const auto few = search({"--queries", path("queries.tsv.jsonl"), "--rerank", path("few.run")});
  EXPECT_EQ(few.exit_code, 3);
  EXPECT_THAT(few.err, HasSubstr("no score of document 'b' for query '1'"));
}

// All queries of a file go through the encoder together; each finds what it finds alone, to the last bit of a score.
TEST_F(HybridSearch, QueriesEncodedTogetherFindWhatEachFindsAlone) {
  write_encoder(folder_ / "model", test::small_bert_spec(70, 40, 2));
  ASSERT_EQ(
      run_coppice({"index", path("docs.jsonl"), "-o", path("index"), "--encoder", path("model"), "--quiet"})
          .exit_code,
      0);
  const std::vector<std::string> texts = {"apple", "grey stones, and pears that are like green apples", "a",
                                          "red pears", "little red text"};
  std::string lines;
  for (size_t i = 0; i < texts.size(); ++i) lines += fmt::format("q{}\t{}\n", i, texts[i]);
  write_file(folder_ / "queries.tsv", lines);
  for (const char* mode : {"dense", "hybrid"}) {
    SCOPED_TRACE(mode);
    const auto together =
        search({"--queries", path("queries.tsv"), "--mode", mode, "--json", "--threads", "3"});
    ASSERT_EQ(together.exit_code, 0) << together.err;
    const Json json = parse_json(together.out, "out");
    EXPECT_GT(json["encoding_ms"].get<double>(), 0);
    ASSERT_EQ(json["results"].size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      SCOPED_TRACE(texts[i]);
      const Json alone = parse_json(search({texts[i], "--mode", mode, "--json"}).out, "out")["hits"];
      const Json& hits = json["results"][i]["hits"];
      ASSERT_EQ(hits.size(), 3u);
      ASSERT_EQ(alone.size(), 3u);
      for (size_t rank = 0; rank < 3; ++rank)
        for (const char* key : {"id", "score"}) EXPECT_EQ(hits[rank][key], alone[rank][key]);
    }
  }
  // Nothing is encoded that is not searched by, or that a file has.
  const auto words = search({"--queries", path("queries.tsv"), "--mode", "bm25", "--json"});
  EXPECT_FALSE(parse_json(words.out, "out").contains("encoding_ms"));
  std::filesystem::remove_all(folder_ / "model");
  EXPECT_EQ(search({"--queries", path("queries.tsv"), "--mode", "bm25"}).exit_code, 0);
  EXPECT_EQ(search({"--queries", path("queries.tsv"), "--mode", "dense"}).exit_code, 3);
  // Another model in the encoder's place.
  ModelSpec narrow = test::small_bert_spec(70, 40, 1);
  narrow.width = 6;
  std::get<AttentionSpec>(narrow.blocks[0].mixer).head_dim = 3;
  write_encoder(folder_ / "model", narrow);
  EXPECT_THAT(search({"--queries", path("queries.tsv"), "--mode", "dense"}).err,
              HasSubstr("vectors of 6 dimensions, expected 12"));
}

// A small BERT with a classifier: its scores are those that it gives alone.
TEST_F(HybridSearch, ACrossEncoderRanksAnew) {
  ASSERT_EQ(make_index().exit_code, 0);
  ModelSpec spec = test::small_bert_spec(70, 40, 1);
  spec.pooler = false;
  spec.head = HeadKind::classifier;
  spec.head_activation = Activation::tanh;
  spec.head_bias = true;
  write_encoder(folder_ / "model", spec);
  CrossEncoder encoder(folder_ / "model");
  const std::vector<TextPair> pairs = {{"apple", "Apples red apples and green apples"},
                                       {"apple", "Pears pears are like an apple"}};
  const auto scores = encoder.score(pairs);
  ASSERT_NE(scores[0], scores[1]);
  // What is excluded is nothing that a model reads.
  for (const char* query : {"apple", "apple -stones"}) {
    const auto outcome = search({query, "--json", "--rerank", path("model")});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const Json hits = parse_json(outcome.out, "out")["hits"];
    ASSERT_EQ(hits.size(), 2u);
    for (const auto& hit : hits)
      EXPECT_EQ(hit["score"].get<double>(), double{scores[hit["id"] == "a" ? 0 : 1]});
    EXPECT_EQ(hits[0]["id"], scores[0] > scores[1] ? "a" : "b");
  }
  EXPECT_THAT(run_coppice({"info", path("model")}).out, HasSubstr("one score of a text or a pair"));
  spec.labels = 2;
  spec.label_names = {"right", "wrong"};
  write_encoder(folder_ / "two", spec);
  EXPECT_THAT(run_coppice({"info", path("two")}).out, HasSubstr("2 labels of a text: right, wrong"));
  EXPECT_EQ(parse_json(run_coppice({"info", path("two"), "--json"}).out, "out")["label_names"],
            Json::array({"right", "wrong"}));
  std::filesystem::remove(folder_ / "model/vocab.txt");
  EXPECT_EQ(search({"apple", "--rerank", path("model")}).exit_code, 3);
  EXPECT_THAT(search({"apple", "--rerank", path("index")}).err, HasSubstr("config.json"));
}

TEST_F(HybridSearch, SparseVectorsOfDocumentsGoWithTheirWindows) {
  write_file(folder_ / "long.jsonl",
             "{\"_id\": \"x\", \"text\": \"one two three four five six\", \"vector\": {\"t\": 2}}\n"
             "{\"_id\": \"y\", \"text\": \"one\", \"vector\": {\"t\": 1, \"u\": 4}}\n");
  write_file(folder_ / "qs.jsonl", "{\"id\": \"q\", \"vector\": {\"t\": 1}}\n");
  ASSERT_EQ(run_coppice({"index", path("long.jsonl"), "-o", path("index"), "--window", "3", "--sparse", "-",
                         "--quiet"})
                .exit_code,
            0);
  const auto outcome = search({"--mode", "sparse", "--query-sparse", path("qs.jsonl"), "--json"});
  EXPECT_THAT(ids(outcome), testing::ElementsAre("x", "y"));
  EXPECT_NEAR(parse_json(outcome.out, "out")["hits"][0]["score"].get<double>(), 2, 1e-3);
}

// Only documents can be left out, and nobody has downloaded the queries.
TEST_F(HybridSearch, AdviceFitsTheFile) {
  using testing::AllOf;
  using testing::Not;
  const std::string bad = "{\"_id\": \"1\", \"text\": \"apple\"}\n{\"_id\": \"2\", \"te\n";
  write_file(folder_ / "bad.jsonl", bad);
  write_file(folder_ / "nameless.tsv", "1\tapple\n\tpear\n");
  const auto skips = HasSubstr("--skip-bad"), downloads = HasSubstr("download");
  ASSERT_EQ(make_index().exit_code, 0);
  EXPECT_THAT(search({"--queries", path("bad.jsonl")}).err,
              AllOf(HasSubstr("bad.jsonl:2"), HasSubstr("not valid JSON"), Not(skips), Not(downloads)));
  EXPECT_THAT(search({"--queries", path("nameless.tsv")}).err,
              AllOf(HasSubstr("nameless.tsv:2"), HasSubstr("an empty id"), Not(skips)));
  EXPECT_THAT(search({"--mode", "dense", "--query-dense", path("bad.jsonl")}).err,
              AllOf(HasSubstr("bad.jsonl:1"), Not(skips), Not(downloads)));
  for (const char* source : {"bad.jsonl", "nameless.tsv"}) {
    const auto refused = run_coppice({"index", path(source), "-o", path("new")});
    EXPECT_EQ(refused.exit_code, 3);
    EXPECT_THAT(refused.err,
                AllOf(HasSubstr(std::string(source) + ":2"),
                      HasSubstr("; --skip-bad leaves out and counts such documents"), Not(downloads)));
    EXPECT_THAT(run_coppice({"index", "add", path("index"), path(source), "--dense", path("dense.jsonl"),
                             "--late", path("late.jsonl")})
                    .err,
                skips);
  }
  // A file of vectors cannot be skipped in parts.
  write_file(folder_ / "dense.jsonl", "{\"id\": \"a\", \"vec");
  EXPECT_THAT(make_index().err, AllOf(HasSubstr("dense.jsonl:1"), Not(skips), Not(downloads)));
}

TEST_F(HybridSearch, BadVectorsAreRefused) {
  const auto refused = [&](const std::string& bytes, const std::string& message) {
    SCOPED_TRACE(message);
    write_file(folder_ / "dense.jsonl", bytes);
    const auto outcome = make_index();
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "index"));
  };
  const std::string a = "{\"id\": \"a\", \"vector\": [1, 0]}\n", b = "{\"id\": \"b\", \"vector\": [1, 0]}\n",
                    c = "{\"id\": \"c\", \"vector\": [1, 0]}\n";
  refused(a + b, "no vector of document 'c'");
  refused(a + b + c + "{\"id\": \"z\", \"vector\": [1, 0]}\n", "'z' is no document");
  refused(a + b + "{\"id\": \"c\", \"vector\": [1, 0, 3]}\n", "3 dimensions");
  refused(a + b + "{\"id\": \"c\", \"vector\": [1, 1e99]}\n", "inf");
  refused(a + b + "{\"id\": \"c\", \"vec", "dense.jsonl:3");
  write_file(folder_ / "dense.jsonl", a + b + c);
  ASSERT_EQ(make_index().exit_code, 0);
  write_file(folder_ / "wide.jsonl", "{\"id\": \"q\", \"vector\": [0, 1, 2]}\n");
  EXPECT_THAT(search({"--mode", "dense", "--query-dense", path("wide.jsonl")}).err,
              HasSubstr("2 dimensions"));
  EXPECT_THAT(search({"--mode", "dense", "x"}).err, HasSubstr("--query-dense"));
  EXPECT_THAT(search({"--mode", "sparse", "x"}).err, HasSubstr("bm25, dense, late"));
}

}  // namespace
}  // namespace coppice
