#include "index/store/merge_segments.h"

#include <algorithm>

#include "index/inverted/inverted_writer.h"
#include "index/inverted/merge_inverted.h"

namespace coppice {
namespace {

struct Origin {
  size_t source;
  DocOrdinal doc;
};

// Live documents numbered one source behind the other, as vectors are copied; `order` puts them where they belong.
struct SourceOrder {
  std::vector<std::vector<DocOrdinal>> places;  // of each source's documents; `dropped` if not live
  std::vector<DocOrdinal> order;                // new ordinal -> place
};

SourceOrder source_order(std::span<const LiveSegment> sources, const MergeOrder& merged) {
  SourceOrder result;
  result.order.resize(merged.names.size());
  DocOrdinal next = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    auto& places = result.places.emplace_back(sources[i].segment->documents(), dropped);
    sources[i].live->for_each([&](DocOrdinal doc) {
      result.order[merged.new_ordinals[i][doc]] = next;
      places[doc] = next++;
    });
  }
  return result;
}

}  // namespace

MergeOrder merge_order(std::span<const LiveSegment> sources, const std::string& where) {
  std::vector<Origin> origins;
  for (size_t i = 0; i < sources.size(); ++i)
    sources[i].live->for_each([&](DocOrdinal doc) { origins.push_back({i, doc}); });
  const auto name_of = [&](const Origin& origin) {
    return sources[origin.source].segment->names()[origin.doc];
  };
  std::sort(origins.begin(), origins.end(),
            [&](const Origin& a, const Origin& b) { return name_of(a) > name_of(b); });

  MergeOrder order;
  for (const auto& [segment, live] : sources) order.new_ordinals.emplace_back(segment->documents(), dropped);
  for (const Origin& origin : origins) {
    if (!order.names.empty() && order.names.back() == name_of(origin))
      throw Error({.where = where,
                   .found = fmt::format("document '{}' in two segments", order.names.back()),
                   .expected = "each document once"});
    order.new_ordinals[origin.source][origin.doc] = static_cast<DocOrdinal>(order.names.size());
    order.names.push_back(name_of(origin));
    order.keys.push_back(sources[origin.source].segment->key(origin.doc));
  }
  return order;
}

bool merge_segments(std::span<const LiveSegment> sources, const IndexSpec& spec,
                    const std::filesystem::path& folder) {
  const MergeOrder merged = merge_order(sources, folder.parent_path().string());
  const auto& new_ordinals = merged.new_ordinals;
  const auto& names = merged.names;
  if (names.empty()) return false;
  std::filesystem::create_directories(folder);
  DocumentNames::write(folder / "names", names);
  AppendFile key_file(folder / "keys");
  key_file.write({reinterpret_cast<const uint8_t*>(merged.keys.data()), 8 * merged.keys.size()});
  key_file.finish();

  const auto merge_lists = [&](const std::string& name, const Bm25& bm25, auto part_of) {
    std::vector<MergeSource> parts;
    for (size_t i = 0; i < sources.size(); ++i)
      parts.push_back({&part_of(*sources[i].segment), new_ordinals[i]});
    merge_inverted(parts, static_cast<DocOrdinal>(names.size()), folder, name, bm25);
  };
  if (spec.text)
    merge_lists("text", spec.text->bm25, [](const Segment& s) -> const InvertedIndex& { return s.text(); });
  if (spec.sparse)
    merge_lists("sparse", {}, [](const Segment& s) -> const InvertedIndex& { return s.sparse(); });
  const SourceOrder in_turn = spec.dense || spec.late ? source_order(sources, merged) : SourceOrder();
  if (spec.dense) {
    VectorIndexBuilder dense(spec.dense->index, spec.dense->dim, names.size());
    for (size_t i = 0; i < sources.size(); ++i) {
      const auto& place = in_turn.places[i];
      sources[i].segment->dense().for_each([&](DocOrdinal doc, std::span<const float> vector) {
        if (place[doc] != dropped) dense.add_stored(place[doc], vector);
      });
    }
    dense.write(folder / "dense", in_turn.order);
  }
  if (spec.late) {
    const auto with_tokens = std::find_if(sources.begin(), sources.end(), [](const LiveSegment& source) {
      return source.segment->late().tokens() > 0;
    });
    const Segment& trained = *(with_tokens == sources.end() ? sources.front() : *with_tokens).segment;
    LateIndexBuilder late(spec.late->index, spec.late->dim, names.size(), trained.late().codebook());
    for (size_t i = 0; i < sources.size(); ++i) {
      const auto& place = in_turn.places[i];
      const LateIndex& from = sources[i].segment->late();
      for (DocOrdinal doc = 0; doc < place.size(); ++doc)
        if (place[doc] != dropped) late.add_stored(place[doc], from, doc);
    }
    late.write(folder / "late", in_turn.order);
  }
  sync_folder(folder);
  return true;
}

}  // namespace coppice
