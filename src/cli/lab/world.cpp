#include "base/file.h"
#include "base/table.h"
#include "cli/world_options.h"
#include "lab/world/world_text.h"

namespace coppice {
namespace {

int list_domains(const CommonOptions& common) {
  Table table({"domain", "what it tells"});
  Json json = Json::array();
  for (const auto& [name, domain] : lab::domains()) {
    table.add_row({name, domain.summary});
    json.push_back({{"domain", name}, {"summary", domain.summary}});
  }
  print_result(common, json, table.text());
  return 0;
}

void check_output(const WorldTextOptions& options) {
  if (options.output.empty())
    throw Error({.where = "--output", .found = "nothing", .expected = "a file to write to"}, Fault::usage);
  if (!options.overwrite && std::filesystem::exists(options.output))
    throw Error({.where = options.output.string(),
                 .found = "exists already",
                 .advice = "choose another -o or add --overwrite"});
}

}  // namespace

int run_world(const WorldTextOptions& options) {
  if (options.list) return list_domains(options.common);
  check_output(options);
  const lab::WorldTextSettings settings = {
      .mixture = lab::parse_mixture(options.domain), .split = options.split, .seed = options.seed};
  const lab::World world = lab::make_world(options.world);
  const std::string text = lab::world_text(world, settings, static_cast<size_t>(options.bytes));
  write_file(options.output, text);

  size_t documents = 0;
  for (size_t at = text.find(lab::document_end); at != std::string::npos;
       at = text.find(lab::document_end, at + 1))
    ++documents;
  const Json json = {{"output", options.output.string()},
                     {"domain", options.domain},
                     {"split", to_string(options.split)},
                     {"seed", options.seed},
                     {"bytes", text.size()},
                     {"documents", documents},
                     {"entities", world.entities.size()},
                     {"world", to_json(options.world)}};
  print_result(options.common, json,
               fmt::format("{}: {} documents, {} bytes, {} split\n", options.output.string(), documents,
                           text.size(), to_string(options.split)));
  return 0;
}

}  // namespace coppice
