#include "lab/world/words.h"

#include <array>

namespace coppice::lab {
namespace {

using std::string_view;

template <class... T>
constexpr auto words(T... items) {
  return std::array<string_view, sizeof...(T)>{items...};
}

constexpr auto big = words("big", "large", "great", "huge");
constexpr auto small = words("small", "little", "tiny");
constexpr auto happy = words("happy", "glad", "cheerful", "merry", "pleased");
constexpr auto sad = words("sad", "unhappy", "sorry", "gloomy");
constexpr auto quick = words("quick", "fast", "swift");
constexpr auto old = words("old", "ancient", "worn");
constexpr auto pretty = words("pretty", "lovely", "beautiful", "fine");
constexpr auto clever = words("clever", "bright", "smart", "wise");
constexpr auto brave = words("brave", "bold", "fearless");
constexpr auto kind = words("kind", "gentle", "friendly", "good");
constexpr auto said = words("said", "called", "answered", "cried", "whispered", "replied");
constexpr auto asked = words("asked", "wondered");
constexpr auto walked = words("walked", "went", "hurried", "ran", "wandered");
constexpr auto looked = words("looked", "peered", "gazed", "searched");
constexpr auto soon = words("soon", "before long", "after a while", "at last", "in a little while");
constexpr auto house = words("house", "cottage", "home");
constexpr auto scared = words("scared", "afraid", "frightened");

}  // namespace

Words colours() {
  static constexpr auto all = words("red", "blue", "green", "yellow", "white", "black", "brown", "grey",
                                    "orange", "purple", "pink", "golden");
  return all;
}

Words foods() {
  static constexpr auto all =
      words("bread", "soup", "cheese", "honey", "apples", "pears", "plums", "carrots", "nuts", "berries",
            "rice", "fish", "eggs", "beans", "porridge", "pancakes", "corn", "onions", "cherries", "cake");
  return all;
}

Words hobbies() {
  static constexpr auto all = words(
      "painting", "fishing", "singing", "dancing", "reading", "swimming", "running", "knitting", "cooking",
      "carving wood", "flying kites", "playing chess", "telling stories", "growing roses", "climbing trees",
      "watching stars", "collecting stones", "playing the flute", "riding", "skating");
  return all;
}

Words occupations() {
  static constexpr auto all =
      words("baker", "farmer", "teacher", "doctor", "fisher", "miller", "smith", "carpenter", "weaver",
            "potter", "gardener", "shepherd", "sailor", "painter", "tailor", "clerk", "judge", "singer",
            "mason", "cook", "guard", "printer", "beekeeper", "clockmaker");
  return all;
}

Words place_kinds() {
  static constexpr auto all =
      words("village", "town", "city", "harbour", "island", "valley", "hamlet", "port");
  return all;
}

Words weekdays() {
  static constexpr auto all =
      words("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday");
  return all;
}

Words species() {
  static constexpr auto all =
      words("dog", "cat", "goat", "horse", "hen", "duck", "rabbit", "pig", "sheep", "donkey", "parrot",
            "mouse", "goose", "pony", "fox", "owl", "turtle", "cow");
  return all;
}

Words tricks() {
  static constexpr auto all = words("jump over a stick", "open doors", "find lost keys", "carry letters",
                                    "sing", "dance on two legs", "count to three", "sleep standing up",
                                    "swim under water", "climb ladders", "ring a bell", "pull a cart");
  return all;
}

Words objects() {
  static constexpr auto all = words("lamp", "kite", "drum", "clock", "boat", "chair", "box", "hat", "cup",
                                    "bell", "basket", "flute", "book", "coat", "ring", "spoon", "mirror",
                                    "key", "wagon", "blanket", "map", "ladder", "knife", "ball");
  return all;
}

Words materials() {
  static constexpr auto all = words("wood", "iron", "silver", "copper", "clay", "glass", "wool", "leather",
                                    "paper", "stone", "brass", "silk");
  return all;
}

std::span<const Trade> trades() {
  static constexpr std::array<Trade, 14> all = {{{"bakery", "bread"},
                                                 {"dairy", "cheese"},
                                                 {"bookshop", "books"},
                                                 {"smithy", "nails"},
                                                 {"pottery", "pots"},
                                                 {"tailor shop", "coats"},
                                                 {"orchard stall", "apples"},
                                                 {"fish market", "fish"},
                                                 {"toy shop", "kites"},
                                                 {"lamp shop", "lamps"},
                                                 {"clock shop", "clocks"},
                                                 {"paint shop", "paint"},
                                                 {"seed store", "seeds"},
                                                 {"rope store", "ropes"}}};
  return all;
}

std::span<const Synonyms> synonyms() {
  static constexpr std::array<Synonyms, 17> all = {{{"big", big},
                                                    {"small", small},
                                                    {"happy", happy},
                                                    {"sad", sad},
                                                    {"quick", quick},
                                                    {"old", old},
                                                    {"pretty", pretty},
                                                    {"clever", clever},
                                                    {"brave", brave},
                                                    {"kind", kind},
                                                    {"said", said},
                                                    {"asked", asked},
                                                    {"walked", walked},
                                                    {"looked", looked},
                                                    {"soon", soon},
                                                    {"house", house},
                                                    {"scared", scared}}};
  return all;
}

}  // namespace coppice::lab
