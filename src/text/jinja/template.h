#pragma once
// Jinja templates, as far as chat templates use them, with the meaning that they have in Transformers: an
// immutable sandbox with trim_blocks, lstrip_blocks and loop controls. docs/formats.md says what is
// supported.
//
// Goals: the same text as Jinja for every template that a model brings, and a clear Error with its line for
// every other; bounded time and memory whatever the template does. Not goals: web pages, hence no HTML
// escaping by itself, no inheritance, no files.

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/jinja/runtime.h"
#include "text/jinja/syntax.h"

namespace coppice::jinja {

class Template {
 public:
  // `where` names the template in Errors. What is no template is an Error with its line.
  Template(std::string_view source, std::string where);

  // The text with these variables (an object). `now`: seconds since 1970, for strftime_now. What the template
  // refuses, or what it cannot do, is an Error with the line.
  std::string render(const Json& variables, int64_t now, const Limits& limits = {}) const;

 private:
  std::string where_;
  Body body_;
};

}  // namespace coppice::jinja
