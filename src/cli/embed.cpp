#include <iostream>
#include <iterator>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/embed_options.h"
#include "format/npy.h"
#include "model/sentence/sentence_encoder.h"

namespace coppice {
namespace {

std::vector<std::string> read_texts(const EmbedOptions& options) {
  std::string text;
  if (options.input == "-")
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  else
    text = read_file(options.input);
  if (!options.lines) return {text};
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();  // behind the last line's end
  for (auto& line : lines)
    if (line.ends_with('\r')) line.pop_back();
  return lines;
}

// {"index": 3, "embedding": [0.1, …]}: every float in the fewest digits that give it back.
std::string json_line(size_t index, std::span<const float> vector) {
  return fmt::format("{{\"index\": {}, \"embedding\": [{}]}}\n", index, fmt::join(vector, ", "));
}

// Where vectors go, in order.
class VectorSink {
 public:
  VectorSink(const EmbedOptions& options, int64_t texts, int64_t width) : width_(static_cast<size_t>(width)) {
    if (options.output.empty()) {
      print_ = !options.common.json;
      return;
    }
    file_.emplace(options.output);
    npy_ = options.output.extension() == ".npy";
    if (npy_) file_->write(npy_header(texts, width));
  }

  void add(std::span<const float> vectors) {
    if (npy_) {
      file_->write(std::as_bytes(vectors));
      return;
    }
    for (size_t at = 0; at < vectors.size(); at += width_, ++index_) {
      const auto vector = vectors.subspan(at, width_);
      if (file_)
        file_->write(json_line(index_, vector));
      else if (print_)
        std::cout << json_line(index_, vector);
      else
        kept_.push_back(std::vector<float>(vector.begin(), vector.end()));
    }
  }

  void finish() {
    if (file_) file_->commit();
  }
  const Json& kept() const { return kept_; }

 private:
  size_t width_, index_ = 0;
  bool npy_ = false, print_ = false;
  std::optional<AtomicFile> file_;
  Json kept_ = Json::array();  // for the summary, which stands alone on stdout
};

void check_output(const std::filesystem::path& output) {
  const auto ending = output.extension();
  if (output.empty() || ending == ".npy" || ending == ".jsonl") return;
  throw Error(
      {.where = "--output", .found = output.string(), .expected = "a name that ends in .npy or .jsonl"},
      Fault::usage);
}

std::string list_of(const std::vector<Pooling>& pooling) {
  std::string names;
  for (const Pooling kind : pooling) names += (names.empty() ? "" : " + ") + to_string(kind);
  return names;
}

}  // namespace

int run_embed(const EmbedOptions& options) {
  check_output(options.output);
  SentenceEncoder encoder(options.model, {.pooling = options.pooling,
                                          .normalize = options.normalize,
                                          .prompt = options.prompt,
                                          .prompt_name = options.prompt_name,
                                          .max_tokens = options.max_tokens,
                                          .batch = options.batch,
                                          .weights = options.weights});
  if (!encoder.says_pooling() && options.pooling.empty())
    log_warning(
        "{} does not say how tokens become a vector: texts are the mean of their tokens; --pooling chooses "
        "otherwise",
        options.model.string());
  const std::vector<std::string> texts = read_texts(options);
  VectorSink sink(options, static_cast<int64_t>(texts.size()), encoder.width());

  Progress progress("embed", static_cast<int64_t>(texts.size()), "texts");
  constexpr size_t at_once = 8192;  // texts that are sorted by length together
  for (size_t first = 0; first < texts.size(); first += at_once) {
    const auto part = std::span(texts).subspan(first, std::min(at_once, texts.size() - first));
    sink.add(encoder.encode(part, [&](int64_t done) { progress.advance(done); }));
  }
  sink.finish();

  const double seconds = progress.seconds(), tokens = static_cast<double>(encoder.tokens());
  Json json = {{"texts", texts.size()},
               {"width", encoder.width()},
               {"tokens", encoder.tokens()},
               {"truncated", encoder.truncated()},
               {"max_tokens", encoder.max_tokens()},
               {"pooling", to_json(encoder.spec().pooling)},
               {"normalized", encoder.normalizes()},
               {"prompt", encoder.prompt()},
               {"seconds", seconds},
               {"texts_per_s", static_cast<double>(texts.size()) / seconds},
               {"tokens_per_s", tokens / seconds}};
  if (!options.output.empty())
    json["output"] = options.output.string();
  else
    json["embeddings"] = sink.kept();
  const std::string summary = fmt::format(
      "{} texts, {} tokens ({} texts cut at {}), {:.0f} tokens/s: vectors of {}, {}{}", texts.size(),
      encoder.tokens(), encoder.truncated(), encoder.max_tokens(), tokens / seconds, encoder.width(),
      list_of(encoder.spec().pooling), encoder.normalizes() ? ", of length 1" : "");
  if (options.output.empty() && !options.common.json) {  // stdout has the vectors
    log_info("{}", summary);
    return 0;
  }
  print_result(options.common, json, summary + " -> " + options.output.string() + "\n");
  return 0;
}

}  // namespace coppice
