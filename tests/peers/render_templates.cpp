// Renders chat templates for the comparison with other programs (hf_jinja.mjs): a line of JSON in on stdin,
// {"template": TEXT, "variables": {…}, "now": SECONDS}, a line out, {"text": …} or {"error": …}.

#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/jinja/template.h"

int main() {
  using namespace coppice;
  std::string line;
  while (std::getline(std::cin, line)) {
    Json result;
    try {
      const Json request = parse_json(line, "stdin");
      const jinja::Template chat(request["template"].get<std::string>(), "template");
      result["text"] = chat.render(request["variables"], request["now"].get<int64_t>());
    } catch (const std::exception& error) {
      result["error"] = error.what();
    }
    std::cout << to_line(result) << "\n";
  }
}
