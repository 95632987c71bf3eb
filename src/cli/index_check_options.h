#pragma once

#include "cli/verb.h"
#include "format/collection/collection.h"

namespace coppice {

struct IndexCheckOptions {
  std::filesystem::path source, queries, qrels;
  CollectionFormat format = CollectionFormat::automatic;
  std::string id_field;
  std::vector<std::string> text_field;
  YesNo header = YesNo::automatic, quotes = YesNo::automatic;
  TopicPart topic_part = TopicPart::title;
  std::string analyzer = "english";
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("source", self.source,
          Field{.help = "collection, as of coppice index",
                .required = true,
                .positional = true,
                .value_name = "COLLECTION"});
    field("queries", self.queries,
          Field{.help = "queries to check against it (of a BEIR directory they are found)",
                .value_name = "FILE"});
    field("qrels", self.qrels,
          Field{.help = "judgements to check against both (of a BEIR directory they are found)",
                .value_name = "FILE"});
    field("format", self.format, Field{.help = "how documents are stored (default: by what is there)"});
    field("id_field", self.id_field,
          Field{.help = "key or column of the ids; #: the number of the line or row", .value_name = "NAME"});
    field("text_field", self.text_field, Field{.help = "keys or columns to search", .value_name = "NAME"});
    field("header", self.header, Field{.help = "whether the first row of a table names its columns"});
    field("quotes", self.quotes, Field{.help = "whether values of a table may be quoted as in RFC 4180"});
    field("topic_part", self.topic_part, Field{.help = "what of a TREC topic is the query"});
    field("analyzer", self.analyzer,
          Field{.help = "analyzer or language that is meant for it", .value_name = "NAME"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_check_verb = {"index check",
                                          "say what is wrong with a collection, its queries and judgements",
                                          "coppice index check path/to/collection"};

int run_index_check(const IndexCheckOptions& options);

}  // namespace coppice
