#include "format/collection/collection.h"

#include <fstream>

namespace coppice {
namespace {

class JsonLinesReader final : public CollectionReader {
 public:
  JsonLinesReader(std::filesystem::path path, CollectionOptions options)
      : path_(std::move(path)), options_(std::move(options)), in_(path_) {}

  bool next(SourceDocument& document) override {
    std::string line;
    while (std::getline(in_, line)) {
      ++line_;
      document = {};
      document.where = fmt::format("{}:{}", path_.string(), line_);
      const auto json = parse_json(line, document.where);
      document.metadata = Json::object();
      for (const auto& [key, value] : json.items()) {
        if (key == "_id" || key == "id")
          document.id = value.is_string() ? value.get<std::string>() : to_line(value);
        else if (value.is_string())
          document.fields.emplace_back(key, value.get<std::string>());
      }
      return true;
    }
    return false;
  }
  int64_t bad_documents() const override { return 0; }
  const std::vector<std::string>& bad_examples() const override { return bad_; }
  uint64_t bytes_read() const override { return 0; }
  uint64_t bytes_total() const override { return 0; }

 private:
  std::filesystem::path path_;
  CollectionOptions options_;
  std::ifstream in_;
  int64_t line_ = 0;
  std::vector<std::string> bad_;
};

}  // namespace

std::unique_ptr<CollectionReader> open_collection(const std::filesystem::path& source,
                                                  const CollectionOptions& options) {
  const auto file = std::filesystem::is_directory(source) ? source / "corpus.jsonl" : source;
  return std::make_unique<JsonLinesReader>(file, options);
}

std::vector<SourceQuery> read_queries(const std::filesystem::path& path, const CollectionOptions& options) {
  const auto file = std::filesystem::is_directory(path) ? path / "queries.jsonl" : path;
  JsonLinesReader reader(file, options);
  std::vector<SourceQuery> queries;
  for (SourceDocument document; reader.next(document);)
    queries.push_back(
        {document.id, document.fields.empty() ? "" : document.fields.front().second, Json::object()});
  return queries;
}

}  // namespace coppice
