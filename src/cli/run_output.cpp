#include "cli/run_output.h"

#include "base/log.h"

namespace coppice {

RunOutput::RunOutput(std::filesystem::path path, std::string tag, const CommonOptions& common)
    : path_(std::move(path)), tag_(std::move(tag)), common_(common) {
  if (!path_.empty()) writer_.emplace(path_, tag_);
}

void RunOutput::add(std::string_view query, std::span<const RunDoc> docs) {
  hits_ += static_cast<int64_t>(docs.size());
  if (writer_) return writer_->add(query, docs);
  Json list = Json::array();
  for (size_t i = 0; i < docs.size(); ++i) {
    if (common_.json)
      list.push_back({{"rank", i + 1}, {"id", docs[i].doc}, {"score", docs[i].score}});
    else
      append_run_line(text_, query, docs[i].doc, i + 1, docs[i].score, tag_);
  }
  if (common_.json) results_.push_back({{"query", query}, {"hits", std::move(list)}});
}

void RunOutput::finish(Json json, const std::string& summary) {
  if (writer_) {
    writer_->commit();
    json["output"] = path_.string();
  } else {
    json["results"] = std::move(results_);
  }
  json["hits"] = hits_;
  if (!writer_ && !common_.json) log_info("{}", summary);
  print_result(common_, json, writer_ ? fmt::format("{} -> {}\n", summary, path_.string()) : text_);
}

}  // namespace coppice
