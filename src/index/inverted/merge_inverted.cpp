#include "index/inverted/merge_inverted.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "index/damage.h"
#include "index/inverted/inverted_writer.h"

namespace coppice {
namespace {

// One term's postings, gathered from several lists and brought into the order of the merged segment.
class Gathered {
 public:
  void clear() {
    postings_.clear();
    position_bytes_.clear();
  }

  void add(const MergeSource& source, const TermEntry& entry) {
    const PostingList list = source.index->postings(entry);
    const bool positions = source.index->summary().positions;
    std::optional<InvertedIndex::Positions> places;
    if (positions) places = source.index->positions(entry);
    for (uint32_t block = 0; block < list.blocks(); ++block) {
      list.docs(block, docs_);
      list.values(block, values_);
      for (uint32_t i = 0; i < list.count(block); ++i) {
        if (docs_[i] >= source.new_ordinals.size())
          throw Error({.where = "coppice index merge",
                       .found = "a posting of a document that its segment does not have",
                       .advice = see_the_damage});
        const DocOrdinal doc = source.new_ordinals[docs_[i]];
        const size_t begin = position_bytes_.size();
        if (positions) {
          if (doc == dropped) continue;  // positions are read forwards: what is not asked for is passed over
          const auto bytes = places->bytes_of(block, i);
          position_bytes_.insert(position_bytes_.end(), bytes.begin(), bytes.end());
        }
        if (doc != dropped) postings_.push_back({doc, values_[i], begin, position_bytes_.size()});
      }
    }
  }

  // Brings what was gathered into order; false if nothing is left.
  bool settle(bool positions) {
    std::sort(postings_.begin(), postings_.end(), [](const auto& a, const auto& b) { return a.doc < b.doc; });
    docs_out_.clear();
    values_out_.clear();
    places_.bytes.clear();
    places_.ends.clear();
    for (const auto& posting : postings_) {
      docs_out_.push_back(posting.doc);
      values_out_.push_back(posting.value);
      if (!positions) continue;
      places_.bytes.insert(places_.bytes.end(),
                           position_bytes_.begin() + static_cast<std::ptrdiff_t>(posting.positions_begin),
                           position_bytes_.begin() + static_cast<std::ptrdiff_t>(posting.positions_end));
      places_.ends.push_back(places_.bytes.size());
    }
    return !postings_.empty();
  }
  std::span<const DocOrdinal> docs() const { return docs_out_; }
  std::span<const uint32_t> values() const { return values_out_; }
  const TermPositions& positions() const { return places_; }

  uint64_t live_total() const {
    return std::accumulate(postings_.begin(), postings_.end(), uint64_t{0},
                           [](uint64_t sum, const auto& posting) { return sum + posting.value; });
  }

 private:
  struct Posting {
    DocOrdinal doc;
    uint32_t value;
    uint64_t positions_begin, positions_end;
  };
  std::vector<Posting> postings_;
  std::vector<uint8_t> position_bytes_;
  std::vector<DocOrdinal> docs_out_;
  std::vector<uint32_t> values_out_;
  TermPositions places_;
  DocOrdinal docs_[block_size + kernels::unpack_over_write];
  uint32_t values_[block_size + kernels::unpack_over_write];
};

// Calls visit(term) for every term of any source in order, with the postings of all.
void for_each_term(std::span<const MergeSource> sources,
                   const std::function<void(const std::string&, Gathered&)>& visit) {
  struct Walking {
    TermDictionary::Walk walk;
    bool more;
  };
  std::vector<Walking> walks;
  for (const MergeSource& source : sources) {
    walks.push_back({TermDictionary::Walk(source.index->terms()), false});
    walks.back().more = walks.back().walk.next();
  }
  const auto gathered = std::make_unique<Gathered>();
  for (std::string term;;) {
    bool any = false;
    for (const Walking& walking : walks)
      if (walking.more && (!any || walking.walk.term() < term)) {
        term = walking.walk.term();
        any = true;
      }
    if (!any) return;
    gathered->clear();
    for (size_t i = 0; i < walks.size(); ++i)
      if (walks[i].more && walks[i].walk.term() == term) {
        gathered->add(sources[i], walks[i].walk.entry());
        walks[i].more = walks[i].walk.next();
      }
    visit(term, *gathered);
  }
}

}  // namespace

InvertedSummary merge_inverted(std::span<const MergeSource> sources, DocOrdinal documents,
                               const std::filesystem::path& folder, const std::string& name,
                               const Bm25& bm25) {
  COPPICE_CHECK(!sources.empty());
  const InvertedSummary& like = sources[0].index->summary();
  InvertedSummary summary{.kind = like.kind,
                          .documents = documents,
                          .unit = like.unit,
                          .positions = like.positions,
                          .bm25 = bm25};
  std::vector<uint8_t> lengths(documents);
  int64_t highest = 1;
  bool dropping = false;
  for (const auto& [index, new_ordinals] : sources) {
    const InvertedSummary& part = index->summary();
    COPPICE_CHECK(part.kind == like.kind && part.unit == like.unit && part.positions == like.positions &&
                  new_ordinals.size() == index->documents());
    summary.total_length += part.total_length;
    highest = std::max(highest, part.highest_value);
    for (size_t doc = 0; doc < new_ordinals.size(); ++doc) {
      if (new_ordinals[doc] == dropped)
        dropping = true;
      else
        lengths[new_ordinals[doc]] = index->lengths()[doc];
    }
  }
  if (dropping) {
    // Lengths are kept in one byte, so what is left is counted.
    uint64_t left = 0;
    for_each_term(sources, [&](const std::string&, Gathered& gathered) { left += gathered.live_total(); });
    summary.total_length = static_cast<int64_t>(left);
  }
  InvertedWriter writer(folder, name, summary, std::move(lengths), static_cast<uint32_t>(highest));
  for_each_term(sources, [&](const std::string& term, Gathered& gathered) {
    if (gathered.settle(like.positions))
      writer.add(term, gathered.docs(), gathered.values(), like.positions ? &gathered.positions() : nullptr);
  });
  return writer.finish();
}

void for_each_merged_list(std::span<const MergeSource> sources, const MergedListVisitor& visit) {
  for_each_term(sources, [&](const std::string& term, Gathered& gathered) {
    if (gathered.settle(false)) visit(term, gathered.docs(), gathered.values());
  });
}

}  // namespace coppice
