#include "cli/attachments.h"

namespace coppice {
namespace {

[[noreturn]] void no_vector(const std::filesystem::path& path, const std::string& id) {
  throw Error({.where = path.string(),
               .found = fmt::format("no vector of document '{}'", id),
               .expected = "one for every document"});
}

std::string text_of(const IndexedDocument& document) {
  std::string text;
  for (const auto& [name, content] : document.fields) text += (text.empty() ? "" : " ") + content;
  return text;
}

std::string unused_of(const std::filesystem::path& path, const std::string* example, size_t all,
                      size_t used) {
  if (example == nullptr) return "";
  return fmt::format("{}: '{}'{} is no document of the collection", path.string(), *example,
                     all - used > 1 ? fmt::format(", as {} more,", all - used - 1) : "");
}

}  // namespace

Attachments::Attachments(const DocumentSourceOptions& from, const std::filesystem::path& encoder) {
  if (!from.sparse.empty() && from.sparse != "-") {
    CollectionOptions options;
    options.format = CollectionFormat::jsonl;
    options.sparse = true;
    SparseVectors vectors;
    const auto reader = open_collection(from.sparse, options);
    for (SourceDocument document; reader->next(document);) vectors[document.id] = std::move(document.sparse);
    sparse_ = Joined<SparseVectors>{std::move(vectors), from.sparse, {}};
  }
  if (!from.dense.empty()) {
    if (!encoder.empty())
      throw Error(
          {.where = "--dense", .found = "vectors of a file and an encoder", .expected = "one of them"},
          Fault::usage);
    dense_ = Joined<VectorFile>{VectorFile::open(from.dense, VectorsOf::texts), from.dense, {}};
  }
  if (!from.late.empty())
    late_ = Joined<VectorFile>{VectorFile::open(from.late, VectorsOf::tokens), from.late, {}};
  for (const auto* joined : {&dense_, &late_})
    if (*joined && (*joined)->file.vectors() == 0)
      throw Error({.where = (*joined)->path.string(), .found = "no vectors"});
  if (!encoder.empty()) encoder_.emplace(encoder, SentenceOptions{});
}

std::optional<int64_t> Attachments::dense_dim() const {
  if (encoder_) return encoder_->width();
  return dense_ ? std::optional(dense_->file.dim()) : std::nullopt;
}

std::optional<int64_t> Attachments::late_dim() const {
  return late_ ? std::optional(late_->file.dim()) : std::nullopt;
}

void Attachments::operator()(std::span<IndexedDocument> documents) {
  for (IndexedDocument& document : documents) {
    if (sparse_) {
      const auto found = sparse_->file.find(document.id);
      if (found == sparse_->file.end()) no_vector(sparse_->path, document.id);
      document.sparse = found->second;
      sparse_->used.insert(document.id);
    }
    if (dense_) {
      const auto values = dense_->file.find(document.id);
      if (!values) no_vector(dense_->path, document.id);
      const auto dim = dense_->file.dim();
      for (auto at = values->begin(); at != values->end(); at += dim)
        document.vectors.emplace_back(at, at + dim);
      dense_->used.insert(document.id);
    }
    if (late_) {
      auto values = late_->file.find(document.id);
      if (!values) no_vector(late_->path, document.id);
      document.tokens = std::move(*values);
      late_->used.insert(document.id);
    }
  }
  if (!encoder_) return;
  std::vector<std::string> texts;
  for (const auto& document : documents) texts.push_back(text_of(document));
  const auto vectors = encoder_->encode(texts);
  const auto width = encoder_->width();
  for (size_t i = 0; i < documents.size(); ++i) {
    const auto first = vectors.begin() + static_cast<int64_t>(i) * width;
    documents[i].vectors.emplace_back(first, first + width);
  }
}

std::string Attachments::unused() const {
  std::string text;
  const auto add = [&](const auto& joined, const auto& ids, const auto& id_of) {
    const std::string* example = nullptr;
    for (const auto& entry : ids)
      if (!joined.used.contains(id_of(entry)) && (example == nullptr || id_of(entry) < *example))
        example = &id_of(entry);
    const std::string one = unused_of(joined.path, example, ids.size(), joined.used.size());
    text += (text.empty() || one.empty() ? "" : "; ") + one;
  };
  if (sparse_)
    add(*sparse_, sparse_->file, [](const auto& entry) -> const std::string& { return entry.first; });
  for (const auto* joined : {&dense_, &late_})
    if (*joined)
      add(**joined, (*joined)->file.ids(), [](const std::string& id) -> const std::string& { return id; });
  return text;
}

}  // namespace coppice
