#pragma once
// The terms of one inverted index with what is kept of each, in the order of their bytes: groups of 16 terms share
// prefixes, and a table of the groups is searched by halves. docs/formats.md has the layout.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/inverted/posting_list.h"

namespace coppice {

class TermDictionaryWriter {
 public:
  // Terms rise, strictly, by bytes. Places of lists follow each other without gaps.
  void add(std::string_view term, const TermEntry& entry);
  // The whole dictionary; the writer is empty afterwards.
  std::vector<uint8_t> finish();
  size_t size() const { return terms_; }

 private:
  uint64_t terms_ = 0;
  std::string previous_;
  std::vector<uint8_t> entries_;
  std::vector<uint64_t> groups_;  // three numbers a group: where its entries, postings, positions begin
};

class TermDictionary {
 public:
  // Views `bytes`, which must outlive it. Throws an Error if the header or the table of groups does not fit.
  TermDictionary(std::span<const uint8_t> bytes, std::string where);

  uint64_t size() const { return terms_; }
  std::optional<TermEntry> find(std::string_view term) const;

  // Walks all terms in order.
  class Walk {
   public:
    explicit Walk(const TermDictionary& dictionary) : dictionary_(dictionary) {}
    // False behind the last term.
    bool next();
    const std::string& term() const { return term_; }
    const TermEntry& entry() const { return entry_; }

   private:
    const TermDictionary& dictionary_;
    uint64_t done_ = 0;
    size_t at_ = 0;
    std::string term_;
    TermEntry entry_;
  };

 private:
  // Reads the entry at `at`, whose predecessor is in `term` and `entry`, and moves on.
  void read(size_t& at, bool first_of_group, uint64_t group, std::string& term, TermEntry& entry) const;
  uint64_t group_field(uint64_t group, int field) const;
  uint64_t varint(size_t& at) const;
  [[noreturn]] void damaged(const char* what) const;

  std::string where_;
  uint64_t terms_ = 0, groups_ = 0;
  std::span<const uint8_t> table_, entries_;
};

}  // namespace coppice
