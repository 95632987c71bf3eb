// Documents of TREC: <DOC> <DOCNO> id </DOCNO> … </DOC>, several to a file. Elements that hold headings become the field
// title, those that hold text the field text, others metadata. A document with a <DOCHDR> is a web page, as in WT10g and
// GOV2.

#include <algorithm>

#include "base/progress.h"
#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/entities.h"
#include "format/collection/line_reader.h"
#include "format/collection/markup.h"

namespace coppice {
namespace {

constexpr std::string_view titles[] = {"title", "headline", "head", "hl", "ttl", "h3"};
constexpr std::string_view texts[] = {"text", "lp", "leadpara", "body", "graphic", "abstract", "summary"};

class TrecDocuments final : public DocumentReader {
 public:
  TrecDocuments(ByteSource source, const CollectionOptions& options)
      : lines_(std::move(source)), options_(options) {}

  bool next(SourceDocument& document) override {
    if (!find_begin()) return false;
    document.where = begun_at_;
    raw_.clear();
    for (;;) {
      const size_t end = find_ignoring_case(line_, "</doc>", at_);
      const auto part = std::string_view(line_).substr(at_, end == line_.npos ? end : end - at_);
      if (const size_t again = find_ignoring_case(part, "<doc>"); again != part.npos) {
        at_ += again;
        bad_document(document.where, "a <DOC> that is not closed before the next", "</DOC>");
      }
      if (raw_.size() <= max_document_bytes) raw_ += part;
      if (end != line_.npos) {
        at_ = end + 6;
        break;
      }
      raw_ += '\n';
      if (!next_line()) bad_document(document.where, "a <DOC> that is never closed", "</DOC>");
    }
    if (raw_.size() > max_document_bytes)
      bad_document(
          document.where,
          fmt::format("a document of more than {}", human_bytes(static_cast<double>(max_document_bytes))),
          "smaller documents");
    take_apart(document);
    return true;
  }

  uint64_t bytes_read() const override { return lines_.source().bytes_read(); }

 private:
  bool next_line() {
    line_.clear();
    at_ = 0;
    std::string_view line;
    const bool more = lines_.next(line);
    line_ = line;
    return more;
  }

  // Leaves at_ behind the next <DOC>.
  bool find_begin() {
    for (;;) {
      const size_t begin = find_ignoring_case(line_, "<doc>", at_);
      if (begin != line_.npos) {
        at_ = begin + 5;
        begun_at_ = lines_.where();
        any_ = true;
        return true;
      }
      if (next_line()) continue;
      if (!any_ && lines_.number() > 0) {
        any_ = true;
        throw Error({.where = lines_.source().where(), .found = "no <DOC>", .expected = "documents of TREC"});
      }
      return false;
    }
  }

  void take_apart(SourceDocument& document) {
    document.metadata = Json::object();
    std::string element, title, text, other;
    MarkupReader reader(raw_);
    const auto leave = [&] {
      if (!element.empty() && element != "docno" && kind(element) == Kind::other && !squeezed(other).empty())
        document.metadata[element] = squeezed(other);
      element.clear();
      other.clear();
    };
    for (MarkupToken token; reader.next(token);) {
      if (token.kind == MarkupToken::text) {
        std::string& into = element == "docno"             ? document.id
                            : kind(element) == Kind::title ? title
                            : kind(element) == Kind::text  ? text
                                                           : other;
        into += decode_entities(token.content);
      } else if (token.kind == MarkupToken::begin_tag) {
        if (token.name == "dochdr") {
          const auto header = trim(reader.raw_until("dochdr"));
          document.metadata["url"] = std::string(trim(header.substr(0, header.find_first_of("\r\n"))));
          reader.next(token);
          read_html_file(raw_.substr(reader.at()), document);
          break;
        }
        if (element.empty() || (kind(element) == Kind::other && kind(token.name) != Kind::other)) {
          leave();
          element = token.name;
        }
        for (std::string* part : {&title, &text, &other}) *part += '\n';
      } else if (token.name == element) {
        leave();
      }
    }
    leave();
    document.id = trim(document.id);
    if (document.id.empty())
      bad_document(document.where, "a document without a <DOCNO>", "<DOCNO> id </DOCNO>");
    add_field(document, "title", squeezed(title));
    add_field(document, "text", paragraphs(text));
  }

  enum class Kind { title, text, other };
  Kind kind(std::string_view element) const {
    const auto among = [element](const auto& names) {
      return std::find(std::begin(names), std::end(names), element) != std::end(names);
    };
    if (element.empty()) return Kind::text;  // between the elements
    if (!options_.text_fields.empty())
      return !among(options_.text_fields) ? Kind::other : among(titles) ? Kind::title : Kind::text;
    return among(titles) ? Kind::title : among(texts) ? Kind::text : Kind::other;
  }

  // Lines without space at their ends, at most one of them empty between others.
  static std::string paragraphs(std::string_view text) {
    std::string into;
    bool gap = false;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const auto line = trim(text.substr(begin, end - begin));
      begin = end + 1;
      if (line.empty()) {
        gap = !into.empty();
        continue;
      }
      if (!into.empty()) into += gap ? "\n\n" : "\n";
      gap = false;
      into += line;
    }
    return into;
  }

  LineReader lines_;
  CollectionOptions options_;
  std::string line_, raw_, begun_at_;
  size_t at_ = 0;  // in line_
  bool any_ = false;
};

}  // namespace

std::unique_ptr<DocumentReader> read_trec_documents(ByteSource source, const CollectionOptions& options,
                                                    RecordKind) {
  return std::make_unique<TrecDocuments>(std::move(source), options);
}

}  // namespace coppice
