#pragma once
// Topics of TREC as queries.

#include <vector>

#include "format/collection/collection.h"

namespace coppice {

// <top> <num> Number: 301 <title> … <desc> Description: … <narr> Narrative: … </top>, with end tags or without; or, in XML,
// <topic number="1"> <query> … </query> <description> … </topic>. Leading zeros of a number go, as judgements have none.
// Errors: a topic without a number or without the part that is asked for.
std::vector<SourceQuery> parse_topics(std::string_view text, TopicPart part, const std::string& where);

}  // namespace coppice
