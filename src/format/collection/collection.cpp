#include "format/collection/collection.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "format/collection/bad_document.h"
#include "format/collection/collection_files.h"
#include "format/collection/decode_text.h"
#include "format/collection/detect_format.h"
#include "format/collection/document_reader.h"
#include "format/collection/line_reader.h"
#include "format/collection/record_names.h"

namespace coppice {
namespace {

// A file that is one document.
class WholeFile final : public DocumentReader {
 public:
  WholeFile(ByteSource source, CollectionFile file) : source_(std::move(source)), file_(std::move(file)) {}

  bool next(SourceDocument& document) override {
    if (std::exchange(done_, true)) return false;
    document.where = source_.where();
    const std::string bytes = read_unpacked(source_, max_document_bytes);
    if (file_.by_guess && !looks_like_man(bytes)) return false;
    if (looks_binary(bytes.substr(0, 4096))) bad_document(document.where, "a binary file", "text");
    document.id = file_.id;
    document.metadata = Json::object();
    return read(decode_file(bytes), document);
  }

  uint64_t bytes_read() const override { return source_.bytes_read(); }

 private:
  static bool looks_like_man(std::string_view bytes) {
    const auto text = trim(bytes.substr(0, 4096));
    return text.starts_with('.') || text.starts_with('\'');
  }

  bool read(const std::string& text, SourceDocument& document) const {
    switch (file_.format) {
      case CollectionFormat::html:
        read_html_file(text, document);
        return true;
      case CollectionFormat::markdown:
        read_markdown_file(text, document);
        return true;
      case CollectionFormat::man:
        put_language(document);
        return read_man_page(text, document);
      default:
        read_text_file(text, document);
        return true;
    }
  }

  // de/man1/tar.1 is German.
  void put_language(SourceDocument& document) const {
    const auto parts = split(file_.id, '/');
    if (parts.size() > 2 && parts[parts.size() - 2].starts_with("man"))
      document.metadata["language"] = parts[parts.size() - 3];
  }

  ByteSource source_;
  CollectionFile file_;
  bool done_ = false;
};

std::unique_ptr<DocumentReader> make_reader(ByteSource source, const CollectionFile& file,
                                            const CollectionOptions& options) {
  constexpr auto kind = RecordKind::document;
  switch (file.format) {
    case CollectionFormat::jsonl:
      return read_json_lines(std::move(source), options, kind);
    case CollectionFormat::tsv:
      return read_tsv(std::move(source), options, kind);
    case CollectionFormat::csv:
      return read_csv(std::move(source), options, kind);
    case CollectionFormat::trec:
      return read_trec_documents(std::move(source), options, kind);
    case CollectionFormat::smart:
      return read_smart_documents(std::move(source), options, kind);
    case CollectionFormat::lines:
      return read_line_documents(std::move(source), options, kind);
    default:
      return std::make_unique<WholeFile>(std::move(source), file);
  }
}

class Files final : public CollectionReader {
 public:
  Files(std::vector<CollectionFile> files, const CollectionOptions& options)
      : files_(std::move(files)), options_(options) {
    const auto has_size = [](const CollectionFile& file) {
      return std::filesystem::is_regular_file(file.path);
    };
    if (!std::all_of(files_.begin(), files_.end(), has_size)) return;  // a pipe ends when it ends
    for (const auto& file : files_) total_ += std::filesystem::file_size(file.path);
  }
  // One file in memory.
  Files(std::string_view bytes, CollectionFile file, const CollectionOptions& options)
      : files_({std::move(file)}), options_(options), bytes_(bytes), total_(bytes.size()) {}

  bool next(SourceDocument& document) override {
    for (;;) try {
        if (!reader_ && !open()) return false;
        document.id.clear();
        document.fields.clear();
        document.sparse.clear();
        document.metadata = nullptr;
        if (reader_->next(document)) {
          if (numbers_repeat()) document.id = files_[at_ - 1].id + ":" + document.id;
          return true;
        }
        done_ += reader_->bytes_read();
        reader_.reset();
      } catch (const Error& error) {
        if (error.fault() != Fault::input) throw;
        if (!options_.skip_bad) throw BadDocument(error);
        constexpr size_t examples = 5;
        ++bad_;
        if (bad_examples_.size() < examples) bad_examples_.emplace_back(error.what());
      }
  }

  int64_t bad_documents() const override { return bad_; }
  const std::vector<std::string>& bad_examples() const override { return bad_examples_; }
  uint64_t bytes_read() const override { return done_ + (reader_ ? reader_->bytes_read() : 0); }
  uint64_t bytes_total() const override { return total_; }

 private:
  // Lines of several files have the same numbers.
  bool numbers_repeat() const {
    return files_.size() > 1 &&
           (files_[at_ - 1].format == CollectionFormat::lines || options_.id_field == numbered);
  }

  bool open() {
    if (at_ == files_.size()) return false;
    const CollectionFile& file = files_[at_++];
    reader_ =
        make_reader(bytes_ ? ByteSource(*bytes_, file.path.string()) : ByteSource(file.path), file, options_);
    return true;
  }

  std::vector<CollectionFile> files_;
  CollectionOptions options_;
  std::optional<std::string_view> bytes_;
  size_t at_ = 0;
  std::unique_ptr<DocumentReader> reader_;
  uint64_t done_ = 0, total_ = 0;
  int64_t bad_ = 0;
  std::vector<std::string> bad_examples_;
};

}  // namespace

std::unique_ptr<CollectionReader> open_collection(const std::filesystem::path& source,
                                                  const CollectionOptions& options) {
  return std::make_unique<Files>(find_collection_files(source, options.format), options);
}

std::unique_ptr<CollectionReader> open_collection_bytes(std::string_view bytes, const std::string& where,
                                                        const CollectionOptions& options) {
  auto format = options.format;
  if (format == CollectionFormat::automatic) format = format_by_content(bytes.substr(0, 4096));
  if (format == CollectionFormat::automatic) format = CollectionFormat::lines;
  return std::make_unique<Files>(bytes, CollectionFile{where, format, where}, options);
}

}  // namespace coppice
