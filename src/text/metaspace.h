#pragma once
// Options of Metaspace, which the pre-tokenizer and the decoder of that name share: spaces are written as a
// visible character, and one is put before the text.

#include <optional>
#include <string>

#include "base/fields.h"

namespace coppice {

enum class PrependScheme { always, first, never };

template <>
struct EnumNames<PrependScheme> {
  static constexpr auto values = std::to_array<std::pair<PrependScheme, const char*>>(
      {{PrependScheme::always, "always"}, {PrependScheme::first, "first"}, {PrependScheme::never, "never"}});
};

struct MetaspaceOptions {
  std::string replacement = "▁";
  std::optional<bool> add_prefix_space;  // how older files say prepend_scheme
  std::optional<PrependScheme> prepend_scheme;
  std::optional<std::string> str_rep;  // of older files; equals replacement
  bool split = true;

  static void fields(auto& self, auto&& field) {
    field("replacement", self.replacement,
          Field{.help = "the character that stands for a space", .required = true});
    field("add_prefix_space", self.add_prefix_space, Field{.help = "older form of prepend_scheme"});
    field("prepend_scheme", self.prepend_scheme, Field{.help = "which pieces get one in front"});
    field("str_rep", self.str_rep, Field{.help = "older files repeat the replacement here"});
    field("split", self.split, Field{.help = "cut before every replacement"});
  }

  PrependScheme scheme() const {
    if (add_prefix_space && !*add_prefix_space) return PrependScheme::never;
    return prepend_scheme.value_or(PrependScheme::always);
  }
};

}  // namespace coppice
