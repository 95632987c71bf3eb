// A document per line; its id is the number of the line. Lines without a character are passed over.

#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/line_reader.h"

namespace coppice {
namespace {

class LineDocuments final : public DocumentReader {
 public:
  explicit LineDocuments(ByteSource source) : lines_(std::move(source)) {}

  bool next(SourceDocument& document) override {
    std::string_view line;
    do
      if (!lines_.next(line)) return false;
    while (trim(line).empty());
    document.id = std::to_string(lines_.number());
    document.where = lines_.where();
    document.metadata = Json::object();
    add_field(document, "text", std::string(trim(line)));
    return true;
  }

  uint64_t bytes_read() const override { return lines_.source().bytes_read(); }

 private:
  LineReader lines_;
};

}  // namespace

std::unique_ptr<DocumentReader> read_line_documents(ByteSource source, const CollectionOptions&, RecordKind) {
  return std::make_unique<LineDocuments>(std::move(source));
}

}  // namespace coppice
