// Statements of records, dialogues, laws and stories are read back and held against the world.

#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "documents.h"

namespace coppice::lab {
namespace {

using test::default_world;
using test::documents;

// The value of the attribute that has this label for the entity's kind.
std::string labelled(EntityId id, const std::string& label) {
  const World& world = default_world();
  for (const auto& info : attributes_of(world.entity(id).kind))
    for (const auto& known : info.labels)
      if (known == label) return world.text(world.value(id, info.attribute));
  return "no such label: " + label;
}

TEST(Facts, RecordsAgreeWithTheWorld) {
  const World& world = default_world();
  size_t facts = 0;
  for (const auto& text : documents("records", 600)) {
    std::vector<std::string> columns;
    EntityId id = -1;
    for (const auto& line : split(text, '\n')) {
      if (line.find(" | ") != std::string::npos) {
        std::vector<std::string> cells;
        for (const auto& cell : split(line, '|')) cells.emplace_back(trim(cell));
        if (columns.empty()) {
          columns = cells;
          continue;
        }
        ASSERT_EQ(cells.size(), columns.size()) << text;
        id = world.find(cells[0]);
        ASSERT_GE(id, 0) << line;
        for (size_t i = 1; i < cells.size(); ++i, ++facts)
          EXPECT_EQ(cells[i], labelled(id, columns[i])) << text;
      } else if (const size_t colon = line.find(": "); colon != std::string::npos) {
        const std::string label = line.substr(0, colon), value = line.substr(colon + 2);
        if (label == "table") continue;
        if (label == "name") {
          id = world.find(value);
          ASSERT_GE(id, 0) << line;
        } else if (label == "kind") {
          EXPECT_EQ(value, kind_name(world.entity(id).kind));
        } else {
          EXPECT_EQ(value, labelled(id, label)) << text;
          ++facts;
        }
      }
    }
  }
  EXPECT_GT(facts, 5000u);
}

struct Pattern {
  std::regex question;
  Attribute attribute;
};

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = [] {
    std::vector<Pattern> made;
    const auto add = [&made](const char* text, Attribute attribute) {
      made.push_back({std::regex(text), attribute});
    };
    add("How old is (?!the owner)(.+)\\?", Attribute::age);
    add("(?:What is the age of|Do you know how old) (.+?)(?: is)?\\?", Attribute::age);
    add("(?:Where|In which place) does (?!the owner)(.+) live\\?", Attribute::home);
    add("Where is the home of (.+)\\?", Attribute::home);
    add("What is the occupation of (.+)\\?", Attribute::occupation);
    add("What work does (.+) do\\?", Attribute::occupation);
    add("What does (.+) do all day\\?", Attribute::occupation);
    add("Which colour does (.+) like best\\?", Attribute::favourite_colour);
    add("What is the favourite colour of (.+)\\?", Attribute::favourite_colour);
    add("What does (.+) like to eat\\?", Attribute::favourite_food);
    add("What is the favourite food of (.+)\\?", Attribute::favourite_food);
    add("What is the hobby of (.+)\\?", Attribute::hobby);
    add("What does (.+) like to do\\?", Attribute::hobby);
    add("Who is the best friend of (.+)\\?", Attribute::friend_of);
    add("Whom does (.+) call a friend\\?", Attribute::friend_of);
    add("Who is the parent of (.+)\\?", Attribute::parent);
    add("Whose child is (.+)\\?", Attribute::parent);
    add("What is the (?:surname|family name) of (.+)\\?", Attribute::surname);
    add("What kind of animal is (.+)\\?", Attribute::species);
    add("What is (?!the )(.+)\\?", Attribute::species);
    add("(?:Who owns|Who is the owner of|Who keeps|Whose is) (?:the )?(.+)\\?", Attribute::owner);
    add("To whom does (?:the )?(.+) belong\\?", Attribute::owner);
    add("(?:What colour is|Which colour has) (?:the )?(.+)\\?", Attribute::colour);
    add("What can (?!I)(.+) do\\?", Attribute::trick);
    add("Which trick does (.+) know\\?", Attribute::trick);
    add("(?:How much is|What is the price of) the (.+)\\?", Attribute::price);
    add("What does the (?!bridge)(.+) cost\\?", Attribute::price);
    add("(?:What is the (.+) made of)\\?", Attribute::material);
    add("Of which material is the (.+)\\?", Attribute::material);
    add("(?:When|On which day) is the market in (.+)\\?", Attribute::market_day);
    add("How many people live in (.+)\\?", Attribute::population);
    add("What is the population of (.+)\\?", Attribute::population);
    add("Which river flows through (.+)\\?", Attribute::river);
    add("What is the name of the river in (.+)\\?", Attribute::river);
    add("How high is the toll in (.+)\\?", Attribute::toll);
    add("What does the bridge in (.+) cost\\?", Attribute::toll);
    add("(?:Which place is|What lies) next to (.+)\\?", Attribute::neighbour);
    add("(?:When|In which year) was (.+) founded\\?", Attribute::founded);
    add("(?:Where|In which town) is the (?!home)(.+)\\?", Attribute::place);
    add("What does the (.+) sell\\?", Attribute::goods);
    add("What can I buy at the (.+)\\?", Attribute::goods);
    add("(?:When|At what hour) does the (.+) open\\?", Attribute::hour);
    return made;
  }();
  return all;
}

bool contains_word(const std::string& text, const std::string& word) {
  const auto lower = [](std::string s) {
    for (auto& c : s) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return s;
  };
  const std::string in = lower(text), what = lower(word);
  for (size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) {
    const bool begins = at == 0 || !std::isalnum(static_cast<unsigned char>(in[at - 1]));
    const size_t end = at + what.size();
    if (begins && (end == in.size() || !std::isalnum(static_cast<unsigned char>(in[end])))) return true;
  }
  return false;
}

// True if the question was understood; fails the test if its answer is wrong.
bool check_answer(const std::string& question, const std::string& answer) {
  const World& world = default_world();
  const std::string both = question + " " + answer;
  std::smatch match;
  static const std::regex lives("Does (.+) live in (.+)\\?"), home("Is (.+) the home of (.+)\\?"),
      older("Who is (older|younger), (.+) or (.+)\\?"), owns("How many (animals|things) does (.+) own\\?"),
      owner("(Where does|How old is) the owner of (?:the )?(.+?)(?: live)?\\?");
  if (std::regex_match(question, match, lives) || std::regex_match(question, match, home)) {
    const bool first = question[0] == 'D';
    const EntityId who = world.find(match[first ? 1 : 2].str());
    const std::string true_home = world.name(world.related(who, Attribute::home));
    EXPECT_EQ(answer.substr(0, 3), match[first ? 2 : 1].str() == true_home ? "Yes" : "No,") << both;
    EXPECT_TRUE(contains_word(answer, true_home)) << both;
    return true;
  }
  if (std::regex_match(question, match, older)) {
    const EntityId a = world.find(match[2].str()), b = world.find(match[3].str());
    const bool first =
        (world.number(a, Attribute::age) > world.number(b, Attribute::age)) == (match[1] == "older");
    EXPECT_EQ(answer.substr(0, answer.find(' ')), world.name(first ? a : b)) << both;
    return true;
  }
  if (std::regex_match(question, match, owns)) {
    const Kind kind = match[1] == "animals" ? Kind::animal : Kind::thing;
    const EntityId who = world.find(match[2].str());
    size_t count = 0;
    for (const EntityId id : world.ranked(kind)) {
      if (world.related(id, Attribute::owner) != who) continue;
      ++count;
      EXPECT_TRUE(contains_word(answer, world.name(id))) << both;
    }
    EXPECT_EQ(answer.substr(0, answer.find_first_of(":.")), count == 0 ? "None" : std::to_string(count))
        << both;
    return true;
  }
  if (std::regex_match(question, match, owner)) {
    const EntityId person = world.related(world.find(match[2].str()), Attribute::owner);
    EXPECT_TRUE(contains_word(answer, world.name(person))) << both;
    EXPECT_TRUE(contains_word(
        answer, world.text(world.value(person, match[1] == "How old is" ? Attribute::age : Attribute::home))))
        << both;
    return true;
  }
  for (const auto& pattern : patterns()) {
    if (!std::regex_match(question, match, pattern.question)) continue;
    const EntityId id = world.find(match[1].str());
    EXPECT_GE(id, 0) << question;
    if (id < 0) return false;
    EXPECT_TRUE(contains_word(answer, world.text(world.value(id, pattern.attribute)))) << both;
    return true;
  }
  return false;
}

TEST(Facts, DialoguesAnswerRightly) {
  size_t questions = 0;
  for (const auto& text : documents("dialogue", 600)) {
    const auto lines = split(text, '\n');
    ASSERT_EQ(lines.size() % 2, 0u);
    for (size_t i = 0; i < lines.size(); i += 2, ++questions) {
      const std::string question = lines[i].substr(lines[i].find(": ") + 2);
      EXPECT_TRUE(check_answer(question, lines[i + 1].substr(lines[i + 1].find(": ") + 2)))
          << "not understood: " << question;
    }
  }
  EXPECT_GT(questions, 2000u);
}

TEST(Facts, LawsReferToTheirOwnArticlesAndStateTrueFacts) {
  const World& world = default_world();
  static const std::regex heading("\nArticle (\\d+)\\. "), reference("Article (\\d+)"),
      market("The market of (\\w+) shall be held on (\\w+day)"),
      founded("of (\\w+), founded in the year (\\d+)");
  size_t facts = 0, references = 0;
  for (const auto& text : documents("laws", 600)) {
    std::set<std::string> articles;
    for (std::sregex_iterator at(text.begin(), text.end(), heading), end; at != end; ++at) {
      articles.insert((*at)[1]);
      EXPECT_EQ((*at)[1], std::to_string(articles.size())) << text;
    }
    for (std::sregex_iterator at(text.begin(), text.end(), reference), end; at != end; ++at, ++references)
      EXPECT_EQ(articles.count((*at)[1]), 1u) << text;
    for (const auto& [pattern, attribute] :
         {std::pair(market, Attribute::market_day), std::pair(founded, Attribute::founded)})
      for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at, ++facts)
        EXPECT_EQ((*at)[2], world.text(world.value(world.find((*at)[1].str()), attribute))) << at->str();
  }
  EXPECT_GT(facts, 100u);
  EXPECT_GT(references, 3000u);
}

TEST(Facts, StoriesTellTrueHomesAndAges) {
  const World& world = default_world();
  static const std::regex from("(\\w+) was an? [^.]{1,40}? (?:who lived in|from) (\\w+)\\."),
      of("(\\w+) of (\\w+) was (\\d+) years old");
  size_t facts = 0;
  for (const auto& text : documents("stories", 1500)) {
    for (const auto* pattern : {&from, &of})
      for (std::sregex_iterator at(text.begin(), text.end(), *pattern), end; at != end; ++at, ++facts) {
        const EntityId who = world.find((*at)[1].str());
        ASSERT_GE(who, 0) << at->str();
        EXPECT_EQ(world.name(world.related(who, Attribute::home)), (*at)[2]) << at->str();
        if (pattern == &of) {
          EXPECT_EQ(world.text(world.value(who, Attribute::age)), (*at)[3]) << at->str();
        }
      }
  }
  EXPECT_GT(facts, 200u);
}

}  // namespace
}  // namespace coppice::lab
