#include "index/store/ciff_exchange.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "format/ciff.h"
#include "index/inverted/inverted_writer.h"
#include "index/inverted/length_code.h"
#include "index/inverted/merge_inverted.h"
#include "index/store/merge_segments.h"
#include "index/store/segment_builder.h"

namespace coppice {
namespace {

// What one pass over a file tells that writing has to know first.
struct Contents {
  std::vector<CiffDocument> documents;  // by falling id
  std::vector<DocOrdinal> ordinals;     // by number in the file
  bool sorted = true;                   // terms rise
  uint32_t highest_frequency = 1;
  uint64_t occurrences = 0;
  CiffHeader header;
};

Contents survey(const std::filesystem::path& file) {
  CiffReader reader(file);
  Contents contents{.header = reader.header()};
  CiffList list;
  std::string before;
  for (bool first = true; reader.next(list); first = false) {
    contents.sorted = contents.sorted && (first || before < list.term);
    before = list.term;
    for (const uint32_t frequency : list.frequencies) {
      contents.highest_frequency = std::max(contents.highest_frequency, frequency);
      contents.occurrences += frequency;
    }
  }
  for (CiffDocument document; reader.next(document);) {
    check_document_id(document.id, fmt::format("{}: document {}", file.string(), contents.documents.size()));
    contents.documents.push_back(std::move(document));
  }
  auto& documents = contents.documents;
  std::sort(documents.begin(), documents.end(), [](const auto& a, const auto& b) { return a.id > b.id; });
  contents.ordinals.assign(documents.size(), dropped);
  for (size_t i = 0; i < documents.size(); ++i) {
    DocOrdinal& ordinal = contents.ordinals[documents[i].number];
    if (ordinal != dropped)
      throw Error({.where = file.string(), .found = fmt::format("document {} twice", documents[i].number)});
    if (i > 0 && documents[i].id == documents[i - 1].id)
      throw Error({.where = file.string(),
                   .found = fmt::format("the id '{}' twice", documents[i].id),
                   .expected = "one document of an id"});
    ordinal = static_cast<DocOrdinal>(i);
  }
  return contents;
}

// Documents in our numbers, rising.
void renumber(CiffList& list, const std::vector<DocOrdinal>& ordinals,
              std::vector<std::pair<DocOrdinal, uint32_t>>& pairs) {
  pairs.clear();
  for (size_t i = 0; i < list.documents.size(); ++i)
    pairs.emplace_back(ordinals[list.documents[i]], list.frequencies[i]);
  std::sort(pairs.begin(), pairs.end());
  for (size_t i = 0; i < pairs.size(); ++i) {
    list.documents[i] = pairs[i].first;
    list.frequencies[i] = pairs[i].second;
  }
}

InvertedSummary write_lists(const std::filesystem::path& file, const Contents& contents, const Bm25& bm25,
                            const std::filesystem::path& folder) {
  std::vector<uint8_t> lengths;
  int64_t total = 0;
  for (const auto& document : contents.documents) {
    lengths.push_back(encode_length(static_cast<uint32_t>(document.length)));
    total += document.length;
  }
  // Where all lists are there, they say the total exactly; lengths may have been kept in fewer bits, as Lucene does. A
  // file of some lists only can go by lengths alone.
  const CiffHeader& header = contents.header;
  const bool whole = header.lists >= header.total_lists;
  const InvertedSummary summary{.documents = static_cast<int64_t>(lengths.size()),
                                .total_length = whole ? static_cast<int64_t>(contents.occurrences) : total,
                                .bm25 = bm25};
  InvertedWriter writer(folder, "text", summary, std::move(lengths), contents.highest_frequency);
  CiffReader reader(file);
  std::vector<std::pair<DocOrdinal, uint32_t>> pairs;
  if (contents.sorted) {
    for (CiffList list; reader.next(list);) {
      renumber(list, contents.ordinals, pairs);
      writer.add(list.term, list.documents, list.frequencies, nullptr);
    }
  } else {
    std::map<std::string, CiffList> lists;
    for (CiffList list; reader.next(list); list = {}) {
      renumber(list, contents.ordinals, pairs);
      const std::string term = list.term;
      if (!lists.emplace(term, std::move(list)).second)
        throw Error({.where = file.string(), .found = fmt::format("two posting lists of '{}'", term)});
    }
    for (const auto& [term, list] : lists) writer.add(term, list.documents, list.frequencies, nullptr);
  }
  return writer.finish();
}

}  // namespace

CiffSummary import_ciff(const std::filesystem::path& file, IndexWriter& writer) {
  const IndexSpec& spec = writer.spec();
  COPPICE_CHECK(spec.text && !spec.text->positions && !spec.sparse && !spec.dense && !spec.late);
  const Contents contents = survey(file);
  std::vector<std::string_view> names;
  for (const auto& document : contents.documents) names.push_back(document.id);
  InvertedSummary summary;
  writer.add_segment(names, [&](const std::filesystem::path& folder) {
    summary = write_lists(file, contents, spec.text->bm25, folder);
  });
  writer.commit();
  return {summary.documents, summary.terms, summary.postings};
}

CiffSummary export_ciff(const IndexReader& reader, const std::filesystem::path& file) {
  const std::string where = reader.path().string();
  if (!reader.spec().text)
    throw Error({.where = where, .found = "an index without text", .expected = "one with text"},
                Fault::usage);
  std::vector<LiveSegment> segments;
  for (const auto& part : reader.parts()) segments.push_back({part.segment.get(), &part.live});
  MergeOrder order = merge_order(segments, where);
  std::vector<MergeSource> sources;
  std::vector<uint8_t> lengths(order.names.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    const InvertedIndex& index = segments[i].segment->text();
    for (size_t doc = 0; doc < order.new_ordinals[i].size(); ++doc)
      if (const DocOrdinal place = order.new_ordinals[i][doc]; place != dropped)
        lengths[place] = index.lengths()[doc];
    sources.push_back({&index, std::move(order.new_ordinals[i])});
  }

  CiffSummary summary{.documents = static_cast<int64_t>(order.names.size())};
  CiffHeader header{.documents = summary.documents,
                    .total_documents = summary.documents,
                    .description = fmt::format("coppice, analyzer {}", reader.spec().text->analyzer.name)};
  for_each_merged_list(
      sources, [&](const std::string&, std::span<const DocOrdinal> docs, std::span<const uint32_t> values) {
        ++summary.terms;
        summary.postings += static_cast<int64_t>(docs.size());
        header.total_length += std::accumulate(values.begin(), values.end(), int64_t{0});
      });
  header.lists = header.total_lists = summary.terms;
  if (summary.documents > 0)
    header.average_length = static_cast<double>(header.total_length) / static_cast<double>(summary.documents);
  if (std::max(header.lists, header.documents) > 2147483647)
    throw Error({.where = where,
                 .found = fmt::format("{} terms and {} documents", header.lists, header.documents),
                 .expected = "at most 2147483647 of each: CIFF has no larger numbers"});

  CiffWriter writer(file, header);
  CiffList list;
  for_each_merged_list(sources, [&](const std::string& term, std::span<const DocOrdinal> docs,
                                    std::span<const uint32_t> values) {
    list.term = term;
    list.documents.assign(docs.begin(), docs.end());
    list.frequencies.assign(values.begin(), values.end());
    writer.add(list);
  });
  for (size_t i = 0; i < order.names.size(); ++i)
    writer.add(
        CiffDocument{static_cast<uint32_t>(i), std::string(order.names[i]), decode_length(lengths[i])});
  writer.finish();
  return summary;
}

}  // namespace coppice
