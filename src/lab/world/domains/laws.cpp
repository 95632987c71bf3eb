#include "lab/world/domain.h"
#include "lab/world/grammar.h"

namespace coppice::lab {
namespace {

// clang-format off
const Grammar& grammar() {
  static const Grammar rules({
      {"title", {"Charter of $place", "Ordinance on [subject] in $place", "Statute of [subject]", "Decree on [subject] and [subject]", "Code of the $category of $place"}},
      {"subject", {"Animals", "Markets", "Bridges and Tolls", "Rivers", "Trade", "Property", "Apprentices", "Found Things", "Shops", "Roads", "Public Order", "Harvests"}},
      {"preamble", {"The council of $place, assembled in session, hereby enacts the following provisions.", "Whereas order {is required|must be maintained} in $place, {the council ordains|it is ordained} as follows.", "These provisions apply {within|throughout} the territory of $place."}},
      {"definition", {
          "For the purposes of this law, \"keeper\" means any person who [holds] an animal.",
          "In this law, \"property\" means any object [held] by a person, including {lamps|tools|vessels|goods}{ and coins| of value|}.",
          "The term \"resident\" {means|denotes} a person whose dwelling is situated in $place.",
          "The term \"trader\" {means|denotes} a person who sells goods {for payment|in a shop or market}.",
          "\"Market\" means the assembly of traders held in $place on $day.",
          "\"Toll\" means the sum of $toll coins due for {each passage|every crossing} of the bridge over the $river.",
          "\"Minor\" means a person who has not {attained|completed} the age of sixteen years."}},
      {"holds", {"holds or maintains", "possesses", "has lawful custody of"}},
      {"held", {"lawfully held", "owned", "possessed"}},
      {"fact", {
          "The market of $place shall be held on $day{ only|, except on public holidays|}.",
          "The toll of the bridge over the $river {is|amounts to|shall be} $toll coins.",
          "The $category of $place, founded in the year $founded, {retains|shall retain} its {ancient |}privileges.",
          "$place and $neighbour, being neighbours, shall maintain the common road {jointly|at equal cost}."}},
      {"norm", {
          "[party] shall [duty][condition].", "[party] shall not [offence][condition].", "[party] who [fails] is liable to a fine [limit] [fine] coins.",
          "It is {prohibited|forbidden|unlawful} to [offence][condition].", "[party] may [right][condition].", "Any dispute {concerning|arising from} [matter] shall be {decided|settled} by [authority]."}},
      {"party", {"The keeper of an animal", "A trader", "Every resident", "The owner of a shop", "A person who finds property", "The $officer", "Any traveller", "The parent of a minor", "An apprentice"}},
      {"duty", {"{notify|inform} [authority] {without delay|within [days] days|in writing}", "pay the {fee|toll|sum} of [fine] coins {in advance|upon demand|before departure}", "{maintain|keep} [matter] in {good|proper} {order|condition}",
                "{enter|record} [matter] in the {public |}register", "{return|surrender} [matter] to the {rightful |lawful |}owner", "{compensate|make good} any damage {caused|arising} {thereby|to third parties}"}},
      {"offence", {"{obstruct|block} the {road|bridge|harbour|passage}", "{sell|offer} goods {of false weight|outside the market|after sunset}", "{conceal|withhold|destroy} [matter]", "{leave|abandon} an animal {without care|on the public road}",
                   "{alter|remove} the {boundary|mark|seal} {of another|of the council}", "{demand|accept} payment {exceeding|above} the {lawful|stated} price"}},
      {"fails", {"{fails|neglects} to [duty]", "{violates|contravenes} {this provision|Article $ref|the preceding paragraph}", "acts contrary to Article $ref"}},
      {"right", {"{appeal to|request a hearing before} [authority] within [days] days", "{retain|keep} [matter] until {payment|the fee is paid}", "{cross|use} the bridge {free of charge|without toll}{ on foot| by night|}", "{appoint|nominate} a {representative|deputy}"}},
      {"condition", {"", "", ", subject to Article $ref", ", unless [authority] {permits|decides} otherwise", ", {provided|on condition} that the {fee|fine} has been paid", " within the meaning of Article $ref", ", notwithstanding Article $ref", " {during|before} the {market|harvest|winter}"}},
      {"matter", {"the {goods|property|animal}", "{found|lost|stolen} property", "the {fence|well|road|stall}", "the {contract|deed|receipt}", "the {harvest|catch}"}},
      {"authority", {"the council", "the court of $place", "the $officer", "the {competent |}magistrate", "the guild"}},
      {"limit", {"not exceeding", "of at least", "of", "of up to"}},
      {"fine", {"two", "five", "ten", "twelve", "twenty", "thirty", "fifty", "one hundred"}},
      {"days", {"three", "seven", "ten", "fourteen", "thirty"}},
      {"heading", {"Definitions", "Scope", "Duties", "Penalties", "Rights", "Procedure", "Fees", "Final Provisions", "Custody", "Liability"}},
      {"force", {"This law enters into force {upon publication|on the first day of the year|on $day next}.", "{Earlier|Prior} provisions {contrary hereto|to the contrary} are {hereby |}repealed."}},
  });
  return rules;
}
// clang-format on

}  // namespace

void tell_law(const World& world, Rng& rng, std::string& out) {
  static constexpr std::array<std::string_view, 3> officers = {"bailiff", "clerk", "judge"};
  const EntityId place = world.draw(Kind::place, rng);
  const auto fact = [&](Attribute attribute) { return world.text(world.value(place, attribute)); };
  Slots slots = {{"place", world.name(place)},
                 {"category", fact(Attribute::category)},
                 {"day", fact(Attribute::market_day)},
                 {"toll", fact(Attribute::toll)},
                 {"river", fact(Attribute::river)},
                 {"founded", fact(Attribute::founded)},
                 {"neighbour", fact(Attribute::neighbour)},
                 {"officer", std::string(rng.pick(officers))},
                 {"ref", ""}};
  const size_t start = out.size();
  const uint64_t articles = 3 + rng.below(4);
  grammar().expand("[title]\n\n[preamble]\n", slots, rng, out);
  for (uint64_t article = 1; article <= articles; ++article) {
    // References go to other articles of the same law.
    slots.back().second =
        std::to_string(article == 1 ? 2 + rng.below(articles - 1) : 1 + rng.below(article - 1));
    out += "\nArticle " + std::to_string(article) + ". ";
    grammar().expand(article == 1 ? "Definitions" : "[heading]", slots, rng, out);
    out += "\n";
    const uint64_t paragraphs = 1 + rng.below(3);
    for (uint64_t paragraph = 1; paragraph <= paragraphs; ++paragraph) {
      if (paragraphs > 1) out += "(" + std::to_string(paragraph) + ") ";
      const char* rule = article == articles && paragraph == paragraphs ? "[force]"
                         : article == 1                                 ? "[definition]"
                         : rng.chance(0.2)                              ? "[fact]"
                                                                        : "[norm]";
      std::string sentence = grammar().expand(rule, slots, rng);
      while (out.find(sentence, start) != std::string::npos) sentence = grammar().expand(rule, slots, rng);
      out += sentence;
      out += "\n";
    }
  }
  out.pop_back();
  finish(out, start);
}

}  // namespace coppice::lab
