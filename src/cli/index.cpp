#include <filesystem>

#include "base/byte_size.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/strings.h"
#include "base/table.h"
#include "cli/attachments.h"
#include "cli/index_options.h"
#include "cli/spec_settings.h"
#include "format/collection/bad_document.h"
#include "index/fuse/passages.h"
#include "index/store/index_reader.h"
#include "index/store/ingest.h"

namespace coppice {
namespace {

CollectionOptions collection_options(const DocumentSourceOptions& from) {
  CollectionOptions options;
  options.format = from.format;
  options.id_field = from.id_field;
  options.text_fields = from.text_field;
  options.header = from.header;
  options.quotes = from.quotes;
  options.skip_bad = from.skip_bad;
  options.sparse = from.sparse == "-";
  return options;
}

// Bytes of documents to gather before a segment is written.
size_t gathered_bytes(const DocumentSourceOptions& from) {
  constexpr int64_t least = 1 << 20;
  const int64_t bytes = parse_byte_size(from.memory, "--memory");
  if (bytes < least)
    throw Error({.where = "--memory", .found = from.memory, .expected = "at least 1MiB"}, Fault::usage);
  return static_cast<size_t>(bytes);
}

IngestReport ingest_from(const DocumentSourceOptions& from, CollectionReader& reader, IndexWriter& writer,
                         Attachments& attachments) {
  try {
    return ingest(reader, writer, std::ref(attachments), from.skip_bad);
  } catch (const BadDocument& error) {
    throw Error({.where = error.what(), .advice = "--skip-bad leaves out and counts such documents"});
  }
}

TextField parse_weight(const std::string& word) {
  const size_t equals = word.find('=');
  TextField field{word.substr(0, equals)};
  if (equals == std::string::npos || field.name.empty())
    throw Error({.where = "--weight", .found = "'" + word + "'", .expected = "NAME=N, as title=3"},
                Fault::usage);
  detail::set_from_words(field.weight, {word.substr(equals + 1)}, "--weight");
  if (field.weight < 0 || field.weight > 1000)
    throw Error({.where = "--weight", .found = "'" + word + "'", .expected = "a weight from 0 to 1000"},
                Fault::usage);
  return field;
}

IndexSpec spec_of(const IndexOptions& options, const Attachments& attachments) {
  IndexSpec spec;
  if (!options.no_text) {
    auto& text = spec.text.emplace();
    text.analyzer = analyzer_preset(options.analyzer);
    text.positions = !options.no_positions;
    text.bm25 = options.bm25;
    for (const auto& word : options.weight) text.weights.push_back(parse_weight(word));
  }
  if (!options.from.sparse.empty()) spec.sparse.emplace().unit = options.unit;
  if (const auto dim = attachments.dense_dim()) {
    auto& dense = spec.dense.emplace();
    dense.dim = *dim;
    if (!options.encoder.empty()) dense.encoder = std::filesystem::absolute(options.encoder).string();
    dense.index.similarity = options.similarity;
    dense.index.method = options.dense_method;
    dense.index.stored = options.dense_type;
  }
  if (const auto dim = attachments.late_dim()) {
    auto& late = spec.late.emplace();
    late.dim = *dim;
    late.index.bits = options.late_bits;
  }
  if (options.window) {
    auto& windows = spec.windows.emplace();
    windows.words = *options.window;
    windows.step = options.window_step.value_or((windows.words + 1) / 2);
  } else if (options.window_step) {
    throw Error({.where = "--window-step", .found = "no --window"}, Fault::usage);
  }
  spec.keep_fields = !options.no_fields;
  apply_settings(spec, options.set);
  if (!spec.text && !spec.sparse && !spec.dense && !spec.late)
    throw Error({.where = "coppice index",
                 .found = "nothing to index",
                 .expected = "text (without --no-text), --sparse, --dense, --late or --encoder"},
                Fault::usage);
  return spec;
}

std::unique_ptr<CollectionReader> open_documents(const std::filesystem::path& source,
                                                 const DocumentSourceOptions& from, const IndexSpec& spec) {
  auto reader = open_collection(source, collection_options(from));
  if (!spec.windows) return reader;
  return std::make_unique<PassageReader>(std::move(reader), *spec.windows);
}

// Removes what an index has of a document: itself, or all its windows from a number on.
bool remove_document(IndexWriter& writer, const std::string& id, size_t first_window = 1) {
  if (!writer.spec().windows) return writer.remove(id);
  size_t number = first_window;
  while (writer.remove(passage_id(id, number))) ++number;
  return number > first_window;
}

uint64_t bytes_of(const std::filesystem::path& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

Json report_json(const IngestReport& report) {
  return {{"documents", report.documents},         {"replaced", report.replaced}, {"bad", report.bad},
          {"without_text", report.without_text},   {"warnings", report.warnings}, {"seconds", report.seconds},
          {"documents_per_s", report.per_second()}};
}

void warn_of(const IngestReport& report) {
  if (report.replaced > 0) log_warning("{} documents replaced others of the same id", report.replaced);
  for (const auto& warning : report.warnings) log_warning("{}", warning);
  if (report.without_text > 0) log_warning("{} documents have no text", report.without_text);
  if (report.bad > 0) {
    log_warning("{} documents could not be read and were left out", report.bad);
    for (const auto& example : report.bad_examples) log_warning("  {}", example);
  }
}

std::string sentence(const IngestReport& report) {
  return fmt::format("{} documents in {} ({:.0f} documents/s)", report.documents,
                     human_duration(report.seconds), report.per_second());
}

}  // namespace

int run_index(const IndexOptions& options) {
  const size_t memory = gathered_bytes(options.from);
  if (const std::string name = options.source.filename().string();
      name.ends_with(".ciff") || name.ends_with(".ciff.gz"))
    throw Error({.where = options.source.string(),
                 .found = "an index, not a collection",
                 .advice = fmt::format("coppice index import {} -o {}", options.source.string(),
                                       options.output.string())},
                Fault::usage);
  Attachments attachments(options.from, options.encoder);
  const IndexSpec spec = spec_of(options, attachments);
  const auto reader = open_documents(options.source, options.from, spec);
  AtomicDirectory folder(options.output, options.overwrite);
  create_index(folder.path(), spec);
  IngestReport report;
  {
    IndexWriter writer(folder.path());
    writer.set_memory(memory);
    report = ingest_from(options.from, *reader, writer, attachments);
    writer.merge_all();
  }
  if (const auto unused = attachments.unused(); !unused.empty()) {
    if (!options.from.skip_bad)
      throw Error({.where = "--sparse, --dense or --late",
                   .found = unused,
                   .expected = "vectors of documents only",
                   .advice = "--skip-bad passes over others"});
    log_warning("{}", unused);
  }
  std::filesystem::remove(folder.path() / "writer.lock");
  folder.commit();
  warn_of(report);
  const uint64_t bytes = bytes_of(options.output);
  Json json = report_json(report);
  json["index"] = options.output.string();
  json["bytes"] = bytes;
  print_result(
      options.common, json,
      fmt::format("{} -> {} ({})\nSearch it with: coppice search {} \"some words\"\n", sentence(report),
                  options.output.string(), human_bytes(static_cast<double>(bytes)), options.output.string()));
  return 0;
}

int run_index_add(const IndexAddOptions& options) {
  const size_t memory = gathered_bytes(options.from);
  IndexWriter writer(options.index);
  const IndexSpec& spec = writer.spec();
  const auto need = [&](bool wanted, bool given, const char* option) {
    if (wanted != given)
      throw Error(
          {.where = options.index.string(),
           .found = wanted ? fmt::format("an index with a part that {} gives", option) : std::string(option),
           .expected = wanted ? option : "only what the index was made with"},
          Fault::usage);
  };
  const std::filesystem::path encoder = spec.dense ? spec.dense->encoder : "";
  need(spec.sparse.has_value(), !options.from.sparse.empty(), "--sparse");
  need(spec.dense.has_value() && encoder.empty(), !options.from.dense.empty(), "--dense");
  need(spec.late.has_value(), !options.from.late.empty(), "--late");
  Attachments attachments(options.from, encoder);
  const auto need_dim = [&](const std::filesystem::path& path, std::optional<int64_t> found, int64_t wanted) {
    if (found && *found != wanted)
      throw Error({.where = path.string(),
                   .found = fmt::format("vectors of {} dimensions", *found),
                   .expected = fmt::format("{}, as the index has", wanted)});
  };
  if (spec.dense)
    need_dim(encoder.empty() ? options.from.dense : encoder, attachments.dense_dim(), spec.dense->dim);
  if (spec.late) need_dim(options.from.late, attachments.late_dim(), spec.late->dim);
  writer.set_memory(memory);
  const auto reader = open_documents(options.source, options.from, spec);
  const IngestReport report = ingest_from(options.from, *reader, writer, attachments);
  // A document that has become shorter leaves no windows behind.
  if (const auto* passages = dynamic_cast<const PassageReader*>(reader.get())) {
    for (const auto& [id, count] : passages->read()) remove_document(writer, id, count + 1);
    writer.commit();
  }
  writer.merge_where_due();
  if (const auto unused = attachments.unused(); !unused.empty()) log_warning("{}", unused);
  IngestReport shown = report;
  shown.replaced = 0;  // that is what adding is for
  warn_of(shown);
  print_result(options.common, report_json(report),
               fmt::format("{}, {} of them in place of older ones\n", sentence(report), report.replaced));
  return 0;
}

int run_index_delete(const IndexDeleteOptions& options) {
  std::vector<std::string> ids = options.ids;
  if (!options.file.empty())
    for (const auto& line : split(read_file(options.file), '\n'))
      if (const auto id = trim(line); !id.empty()) ids.emplace_back(id);
  if (ids.empty())
    throw Error({.where = "coppice index delete", .found = "no ids", .expected = "ids, or --file FILE"},
                Fault::usage);
  IndexWriter writer(options.index);
  std::vector<std::string> unknown;
  int64_t deleted = 0;
  for (const auto& id : ids) {
    if (remove_document(writer, id))
      ++deleted;
    else
      unknown.push_back(id);
  }
  // All or nothing: an unknown id is a mistake somewhere.
  if (!unknown.empty())
    throw Error(
        {.where = options.index.string(),
         .found = fmt::format("no document '{}'{}", unknown[0],
                              unknown.size() > 1 ? fmt::format(" and {} more", unknown.size() - 1) : ""),
         .expected = "ids of documents in the index; nothing was deleted"});
  writer.commit();
  writer.merge_where_due();
  print_result(options.common, {{"deleted", deleted}}, fmt::format("{} documents deleted\n", deleted));
  return 0;
}

int run_index_merge(const IndexPathOptions& options) {
  const size_t before = IndexReader(options.index).parts().size();
  IndexWriter(options.index).merge_all();
  const IndexReader after(options.index);
  print_result(
      options.common,
      {{"segments_before", before}, {"segments", after.parts().size()}, {"documents", after.documents()}},
      fmt::format("{} segments -> {}, {} documents\n", before, after.parts().size(), after.documents()));
  return 0;
}

int run_index_verify(const IndexPathOptions& options) {
  IndexReader reader(options.index, true);
  const auto wrong = reader.verify();
  std::string text;
  for (const auto& line : wrong) text += line + "\n";
  if (wrong.empty())
    text = fmt::format("{}: {} documents in {} segments, all as they should be\n", options.index.string(),
                       reader.documents(), reader.parts().size());
  print_result(options.common, {{"ok", wrong.empty()}, {"damage", wrong}}, text);
  return wrong.empty() ? 0 : static_cast<int>(Fault::input);
}

int run_index_info(const IndexPathOptions& options) {
  const IndexReader reader(options.index, true);
  Json segments = Json::array();
  Table table({"segment", "documents", "deleted", "terms", "postings", "bytes"});
  for (const auto& part : reader.parts()) {
    const uint64_t bytes = bytes_of(part.segment->folder());
    const size_t deleted = part.segment->documents() - part.live.count();
    const bool text = reader.spec().text.has_value();
    Json segment = {{"segment", part.segment->id()},
                    {"documents", part.segment->documents()},
                    {"deleted", deleted},
                    {"bytes", bytes}};
    if (text) segment["text"] = to_json(part.segment->text().summary());
    if (reader.spec().sparse) segment["sparse"] = to_json(part.segment->sparse().summary());
    if (reader.spec().dense)
      segment["dense"] = {{"vectors", part.segment->dense().vectors()},
                          {"bytes", part.segment->dense().bytes()}};
    if (reader.spec().late)
      segment["late"] = {{"tokens", part.segment->late().tokens()},
                         {"centroids", part.segment->late().centroids()},
                         {"drift", part.segment->late().drift()},
                         {"bytes", part.segment->late().bytes()}};
    segments.push_back(segment);
    table.add_row({fmt::format("{}", part.segment->id()), fmt::format("{}", part.segment->documents()),
                   fmt::format("{}", deleted),
                   text ? fmt::format("{}", part.segment->text().summary().terms) : "",
                   text ? fmt::format("{}", part.segment->text().summary().postings) : "",
                   human_bytes(static_cast<double>(bytes))});
  }
  const Json json = {{"index", options.index.string()},
                     {"documents", reader.documents()},
                     {"bytes", bytes_of(options.index)},
                     {"spec", to_json(reader.spec())},
                     {"segments", segments},
                     {"damaged", reader.left_out()}};
  std::string text = fmt::format("{}: {} documents, {}\n", options.index.string(), reader.documents(),
                                 human_bytes(static_cast<double>(bytes_of(options.index))));
  for (const auto& line : reader.left_out()) text += "damaged: " + line + "\n";
  print_result(options.common, json, text + table.text() + to_yaml(to_json(reader.spec())));
  return 0;
}

}  // namespace coppice
