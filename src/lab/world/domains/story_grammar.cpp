#include "lab/world/domains/story_grammar.h"

#include "lab/world/words.h"

namespace coppice::lab {
namespace {

// clang-format off
std::vector<Grammar::Rule> story_rules() {
  return {
    {"story", {"[opening] [want_lost]\n\n[search]\n\n[found] [ending]",
               "[opening] [want_trip]\n\n[trip]\n\n[arrival] [ending]",
               "[opening] [want_gift]\n\n[making]\n\n[giving] [ending]",
               "[opening] [storm]\n\n[shelter]\n\n[after_storm] [ending]",
               "[opening] [quarrel]\n\n[alone]\n\n[peace] [ending]",
               "[opening] [noise]\n\n[brave_look]\n\n[surprise] [ending]",
               "[opening] [contest]\n\n[practice]\n\n[big_day] [ending]",
               "[opening] [want_lost]\n\n[storm]\n\n[shelter]\n\n[found] [ending]"}},

    {"opening", {"[once] [intro] [detail]", "[once] [intro] [detail] [detail2]", "[intro_direct] [detail]",
                 "[once] [intro] [detail2]", "[weather] [intro_direct] [detail]"}},
    {"once", {"Once upon a time", "Once upon a time", "Long ago", "One day", "Not so long ago"}},
    {"intro", {"there {was|lived} a~ [trait] $hero_is {called|named|whose name was} $hero. ^$he lived in $home.",
               "there {was|lived} a~ $hero_is in $home. ^$his name was $hero, and $he was {very |}[trait].",
               "a~ [trait] $hero_is {called|named} $hero {woke up early|sat by the window|walked along the river} in $home.",
               "there {was|lived} a~ $hero_is {called|named} $hero. ^$he was $age years old and lived in $home."}},
    {"intro_direct", {"$hero was a~ [trait] $hero_is {who lived in|from} $home.",
                      "In $home lived a~ [trait] $hero_is {called|named} $hero.",
                      "$hero of $home was $age years old and very [trait]."}},
    {"detail", {"^$he {loved|liked} $hobby {more than anything|very much|every day}.",
                "^$he {had|owned} a~ [looks] $object {that was $paint all over|painted $paint}, {called|known as} the $thing.",
                "^$his best friend was $friend, and they {met|talked|played|laughed together} {every day|all the time|when they could}.",
                "^$he liked to eat $food {in the morning|after work|with $his friends|on cold days}.",
                "^$he {wore only $colour coats|liked the colour $colour best} {and nobody knew why|and told everybody so|}.",
                "^$he had a~ [small] friend, a $species called $pet, that could $trick."}},
    {"detail2", {"^the $species $pet {followed $him everywhere|slept by $his door|knew how to $trick}.",
                 "Everybody in $home {knew|liked} $him because $he was {so |}[trait].",
                 "^$his {[house]|room} was [small], {but it was warm|and it stood by the river|but $he liked it}."}},
    {"weather", {"It was a {cold|warm|windy|sunny|grey} {morning|evening|day}.", "The {sun|moon} was {bright|high in the sky}.",
                 "{Snow|Rain|Soft rain} fell on the {roofs|fields|hills}.", "The wind {sang|blew} in the {trees|chimneys}."}},
    {"trait", {"[kind]", "[brave]", "[clever]", "[happy]", "quiet", "curious", "patient", "shy", "busy", "honest", "funny"}},
    {"looks", {"[big]", "[small]", "[old]", "[pretty]", "new", "strange", "heavy", "shiny"}},

    {"want_lost", {"One {day|morning|evening}, the $object was gone! \"Where is {it|my $object}?\" [asked] $hero. ^$he was very [sad].",
                   "But one {day|morning} $hero could not find the $object. ^$he [looked] {everywhere|under the bed|in every box}, but it was not there.",
                   "One {day|night} a thief came to $home, and in the morning the $object of $hero was gone.",
                   "One {day|morning} the $species ran away. \"Come back, $pet!\" [said] $hero, but $pet did not come."}},
    {"want_trip", {"$hero {wanted|wished|had always wanted} to see $away. \"It is far,\" [said] $friend, \"but listen: [encourage].\"",
                   "One {day|morning} a letter came. \"{Please come|Come} to $away,\" it said. \"{We need you|There is work here|Bring $food}.\" So $hero {packed|filled} a~ [small] bag.",
                   "One {day|evening} $friend [said], \"Let us go to $away!\" $hero {thought about it|smiled|was [happy]} and [said], \"[yes]\""}},
    {"want_gift", {"It was {nearly |almost |}the birthday of $friend. $hero wanted to {make|give} $fhim {a surprise|something special|a gift}.",
                   "$friend was {ill|tired|[sad]} and stayed in bed. \"I will {make|cook|bring} $fhim some $food,\" [said] $hero.",
                   "$hero wanted to say thank you to $friend, who had helped $him {so much|all winter|with the roof}."}},
    {"storm", {"One {night|evening|day} a {great|terrible|dark} storm came. The wind {broke|shook} the trees, and the river {rose|grew} {higher and higher|fast}.",
               "^[soon] the sky turned {black|dark|grey}. \"A storm is coming!\" [said] {$friend|$hero}. {Everybody|All the people} ran {inside|home}."}},
    {"quarrel", {"One {day|morning} $hero and $friend {quarrelled|had a quarrel}. Both wanted the {same|last} [cause]. \"It is mine!\" [said] $hero. \"No, mine!\" [said] $friend.",
                 "One {day|evening} $friend {broke|dropped|lost} the [cause] of $hero. $hero was {angry|cross}. \"{Go away|I do not want to see you}!\" $he [said]."}},
    {"cause", {"chair by the fire", "[colour_word] {ball|cup|hat}", "piece of cake", "seat in the boat", "big spoon", "paper kite", "bag of nuts"}},
    {"colour_word", {"red", "blue", "green", "yellow", "white", "golden", "$colour"}},
    {"noise", {"One night $hero heard a strange {noise|sound}. {Tap, tap, tap|Knock, knock|Crash|Hoo, hoo}! It came from {the [old] [house]|the roof|the well|behind the door|the cellar}.",
               "Every night something {sang|cried|knocked} near {the [old] mill|the well|the bridge}. {Everybody|All of $home} was [scared], {but not $hero|and $hero was [scared] too}."}},
    {"contest", {"Every year there was a {race|contest|game} in $home. \"{This year|Now} I {want to|will} win,\" [said] $hero.",
                 "{A sign|A letter} {said|told}: \"Who is the best at $hobby? Come to $away!\" $hero {wanted to try|could not sleep|jumped with joy}."}},

    {"search", {"[step]", "[step] [obstacle] [try]", "[step] [talk] [try]", "[step] [obstacle] [talk] [try]", "[talk] [step] [more_search]"}},
    {"more_search", {"[try]", "[obstacle] [try]", "[obstacle] [try] [more_search]", "[talk] [more_search]"}},
    {"step", {"$hero [walked] {to|into|through} the [spot].", "^$he [looked] {in|behind|near} the [spot].", "$hero and the $species $pet [walked] to the [spot].",
              "So $hero {took $his hat|put on $his boots|closed the door} and [walked] to the [spot].", "First $he {tried|visited|searched} the [spot]. Then $he [walked] to the [spot]."}},
    {"spot", {"{[old] |[big] |}{forest|mill|bridge|barn|tower|garden}", "{dark|green|quiet|deep} {forest|valley|wood|cave|field}", "market", "{top of the|foot of the} hill",
              "river", "{[small] |[old] |}{harbour|well|gate|church|inn}", "school", "[house] of $friend"}},
    {"obstacle", {"But the {bridge|gate|door|road} was {broken|closed|gone}.", "But {a [big] stone|a [big] tree|deep water|a fence} {lay|was} in the way.",
                  "But it {grew dark|began to rain|was too high|was too far|was very cold}.", "^[soon] $he {lost the way|was tired|hurt $his foot|was hungry}.",
                  "But a~ [big] {dog|goose|bear|bull} {stood|sat|slept} there, and $he was [scared].", "But nobody {was there|answered|knew anything|would help}."}},
    {"try", {"^$he {tried again|did not give up|sat down and thought|took a deep breath}.", "^$he {pushed and pulled|called for help|climbed up|jumped over it}, and {it worked|it helped}.",
             "\"[encourage],\" $he [said] to {$pet|$friend|the moon}.", "Then {a~ [kind] [stranger]|$friend} {came by|came along|saw $him} and [said], \"[help]\"", "$pet {showed the way|found a path|ran ahead|made $him laugh}.",
             "^$he used a {rope|stick|ladder|stone}, {slowly and with care|as $his {mother|father|teacher} had shown $him}, and {[soon] it was done|it was enough}."}},
    {"stranger", {"farmer", "woman", "man", "girl", "boy", "sailor", "{bird|frog|hedgehog}", "baker", "shepherd"}},
    {"help", {"{I can|Let me} help you.", "{Take|Have|Use} my {rope|lamp|coat|stick}.", "{Go|Walk} {left|right|straight on} at the {well|mill|[big] tree}.", "{Do not be|Why are you} [sad]. {Come with me.|Follow me.}",
              "I {saw|heard} {something|it} near the [spot]."}},
    {"encourage", {"[we] can do it", "^do not {be afraid|worry|give up}", "^{every|each} step is a step", "^[small] feet can {walk|go} far", "^it will be {fine|all right}",
                   "^we {are not far now|will try again}", "^[soon] {we will see|it will be over}", "^{slowly|one thing after the other}"}},
    {"we", {"We", "You and I", "Together we"}},
    {"yes", {"Yes, {let us go|of course|with joy}!", "{All right|Good|Very well}, {but only for $n days|but not for long|I will come}.", "If {$pet comes too|we take $food}, yes."}},
    {"talk", {"\"{Have you|Did you} {seen|find} {it|anything}?\" [asked] $hero. \"No,\" [said] $friend, \"but [ask_more]\"",
              "\"{Who|What} is {there|that}?\" [asked] $hero. \"It is {only me|only the wind|I, $friend},\" [said] {a voice|somebody}.",
              "\"{I am|You look} {tired|hungry|cold|[sad]},\" [said] {$friend|$hero}. {They|So they} {ate|shared} {some|a little} $food {and rested|by the road|together}.",
              "\"What {shall|can} {we|I} do now?\" [asked] $hero. \"{Wait|Think|Listen},\" [said] $friend. \"[encourage].\"",
              "\"How many {days|hours|miles} is it?\" [asked] $hero. \"{About|Only|Just} $n,\" [said] a~ [kind] [stranger]."}},
    {"ask_more", {"ask {the baker|the teacher|the old fisher}.", "I {heard|saw} something at the [spot].", "I will {help|look} too.", "$pet {may know|can smell it}."}},

    {"found", {"At last, {under|behind|inside} a~ [looks] [hiding], $he found {what $he had lost|what was lost}! \"[joy]\" [said] $hero.",
               "And there, {near|in|by} the [spot], {was what $he was looking for|$he saw it}. \"[joy]\" $he [said]. {$friend clapped|$pet danced|Everybody laughed}.",
               "^[soon] $pet {dug|pulled|sniffed} at a~ [looks] [hiding]. \"[joy]\" [said] $hero. \"It was here all the time.\""}},
    {"hiding", {"basket", "box", "chair", "stone", "tree", "leaf", "bed", "sack", "boat", "blanket", "pile of {hay|wood|leaves}"}},
    {"joy", {"Hurrah!", "{There|Here} it is!", "{Look|Oh, look}!", "I {knew|hoped} it!", "How {wonderful|good}!", "At last!"}},

    {"trip", {"[travel] [obstacle] [try]", "[travel] [talk] [obstacle] [try]", "[travel] [travel2] [try]", "[travel] [talk] [travel2]", "[travel] [obstacle] [try] [more_search] [travel2]"}},
    {"travel", {"They {walked|rode|sailed|went} for $n {days|hours}{, over the hills|, along the river|, through the forest|}.", "The {road|way} to $away was long{ and dusty| and steep|}.",
                "On the {first|second|third} day {it rained|the sun shone|they met a~ [kind] [stranger]}."}},
    {"travel2", {"They {slept|rested} under a~ [big] {tree|rock|roof}.", "At night they {looked at the stars|told stories|made a fire|sang songs}.", "They {counted|saw} $n {birds|boats|sheep|mills} {on the way|from the hill}."}},
    {"arrival", {"At last they {saw|reached} $away. {The bells rang|The people waved|It was [pretty]}. \"[joy]\" [said] $hero.", "When $he came to $away, {everybody|an old man|a~ [kind] woman} {greeted|welcomed} $him with $food."}},

    {"making", {"^$he {needed|looked for} {$n eggs|$n apples|wood and glue|paper and paint|flour and honey}. [obstacle] [try]", "$hero worked {all day|all night|for $n hours}. [obstacle] [try] [talk]",
                "First $he {made|cut|mixed} {the big pieces|everything}. Then $he {painted it $colour|put it together|let it {dry|cool}}. [obstacle] [try]"}},
    {"giving", {"\"{This is|Here is something} for you, $friend,\" [said] $hero. \"[joy]\" [said] $friend, and {$fhe laughed|$fhe was very [happy]|$fhis eyes shone}.",
                "When $friend {saw|opened} it, $fhe {laughed|smiled|cried with joy}. \"{Nobody ever gave me|This is} {such a~ [pretty] gift|the best gift}{ before|}!\""}},

    {"shelter", {"$hero {ran|climbed} into the [spot] {with $pet|and closed the door}. [talk] [try]", "\"{Quick|Hurry}! {Come in|Bring the animals inside}!\" [said] $hero. [obstacle] [try]",
                 "$hero {held|carried} $pet in $his arms. \"[encourage],\" $he [said]. [talk]"}},
    {"after_storm", {"In the morning {the sun came out|the sky was blue|the birds sang}. {The roof was gone, but|The road was wet, but} {everybody was safe|nobody was hurt}.", "^[soon] the storm was over. {All|Everybody} {came out|helped} {to mend the roofs|to clean the road|and shared their $food}."}},

    {"alone", {"$hero sat {alone|by $himself} {in the garden|near the [spot]} {all day|until evening}. [lonely]", "For $n days they did not {speak|meet|play}. [lonely]"}},
    {"lonely", {"^$his $food had no taste. ^$his {songs|games} were no fun.", "\"It is {so |too |}quiet {here|without $friend},\" $he [said] to $pet.", "^$he {thought|dreamed} of {the good days|$friend} and was [sad]."}},
    {"peace", {"Then $hero {went|walked|ran} to the [house] of $friend. \"I am sorry,\" $he [said]. \"I am sorry too,\" [said] $friend. {They shook hands|They laughed|They {shared|ate} some $food}.",
               "In the morning $friend {stood|waited} at the door with {$food|flowers|a~ [small] gift}. \"{Can we|Let us} be friends again,\" $fhe [said]. \"{Yes|Of course},\" [said] $hero."}},

    {"brave_look", {"$hero took a {lamp|candle|stick} and [walked] {outside|up the stairs|down the stairs}. [obstacle] [talk]", "\"[encourage],\" $he [said] to $pet. {Slowly|Step by step} they [walked] {nearer|closer|on}. [obstacle] [try]"}},
    {"surprise", {"And what was it? {Only|Just} a~ [small] {owl|cat|mouse|bird|frog|hedgehog} {with a hurt leg|that wanted to come in|in an empty pot}! $hero {laughed|smiled} and {gave it|fed it} some $food.",
                  "It was $friend! \"{I wanted to|I only wanted to} {surprise you|play a trick|bring you $food},\" [said] $friend. They laughed {and laughed|until morning}."}},

    {"practice", {"$hero {practised|trained|worked} every {day|morning|evening} for $n {days|weeks}. [obstacle] [try]", "\"{You are|I am} too {slow|young|old|[small]},\" [said] {somebody|the others}. But $he {did not listen|smiled and went on}. [try]"}},
    {"big_day", {"On the day of the {contest|race} {everybody came|the streets were full|flags were everywhere}. $hero {came first|won|was second} {and everybody cheered|and got a~ [pretty] prize|by one step}.",
                 "When the day came, $hero {saw|stopped because} $friend {fall|had hurt $fhis foot} and helped $fhim. ^$he did not win, but {everybody cheered|$he was [happy]|$he had a friend}."}},

    {"ending", {"[close]", "[close] [moral]", "[moral]", "[close] [home_again]", "[home_again]"}},
    {"close", {"^$he was [happy] {all day|for a long time|that night}.", "$hero and $friend {stayed friends|told the story often|were [happy]} {for many years|all their lives|every winter}.", "That night $hero slept {well|deeply|with a smile}.",
               "From that day on, $hero {was never [scared] again|always helped others|shared everything with $friend}."}},
    {"home_again", {"Then $hero [walked] home to $home{ with $pet|}, {where the fire was warm|and ate some $food|and everybody was [happy]}.", "In the evening $hero was {back |}home in $home {again|at last}, and {the kettle sang|the cat slept|the stars came out}."}},
    {"moral", {"It is good to have {a friend|friends}.", "{Who shares|Who waits|Who asks} {is never poor|finds the way|learns much}.", "{Even a~ [small] {step|light|friend} helps|Nobody is too [small] to help}.", "And so $he learned to {be patient|ask for help|say sorry|look twice|never give up}."}},
  };
}
// clang-format on

}  // namespace

const Grammar& story_grammar() {
  static const Grammar grammar = [] {
    auto rules = story_rules();
    for (const auto& group : synonyms())
      rules.push_back({group.name, {group.words.begin(), group.words.end()}});
    return Grammar(std::move(rules));
  }();
  return grammar;
}

}  // namespace coppice::lab
