// The arrows between rooms: a file includes only from its own room and from rooms further down; only the lab
// sees libtorch; and what is built torch-free has no torch symbol.

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/strings.h"
#include "support.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> rooms_from_the_bottom = {"base",    "net",    "kernels", "format", "text",
                                                        "measure", "model",  "index",   "lab",    "plan",
                                                        "serve",   "recipe", "cli"};

int height_of(const std::string& room) {
  const auto found = std::find(rooms_from_the_bottom.begin(), rooms_from_the_bottom.end(), room);
  return found == rooms_from_the_bottom.end() ? -1 : static_cast<int>(found - rooms_from_the_bottom.begin());
}

struct Include {
  std::string name;
  bool quoted;
};

std::vector<Include> includes_of(const std::string& source) {
  static const std::regex directive(R"(^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  for (const auto& line : split(source, '\n'))
    if (std::smatch match; std::regex_search(line, match, directive))
      found.push_back({match[2].str(), match[1].str() == "\""});
  return found;
}

bool is_torch(const std::string& header) {
  static const std::regex torch(R"(^(torch|ATen|c10|caffe2)/)");
  return std::regex_search(header, torch);
}

// Rules that one file of src/ breaks; `path` is relative to src/.
std::vector<std::string> broken_rules(const fs::path& path, const std::string& source) {
  std::vector<std::string> broken;
  const std::string room = path.begin()->string();
  const bool lab = room == "lab" || path.string().starts_with("cli/lab/");
  for (const auto& [name, quoted] : includes_of(source)) {
    if (is_torch(name) && !lab)
      broken.push_back(path.string() + " includes " + name + ", which only lab/ and cli/lab/ may");
    if (!quoted) continue;
    const std::string other = name.substr(0, name.find('/'));
    if (name.find('/') == name.npos || height_of(other) < 0)
      broken.push_back(path.string() + " includes " + name + ", which is in no room");
    else if (height_of(other) > height_of(room))
      broken.push_back(path.string() + " includes " + name + " from a room above it");
  }
  return broken;
}

// The chain of includes by which a file of src/ reaches a header of libtorch; empty if it does not.
std::string way_to_torch(const fs::path& path, const std::map<fs::path, std::string>& sources,
                         std::set<fs::path>& seen) {
  const auto source = sources.find(path);
  if (source == sources.end() || !seen.insert(path).second) return "";
  for (const auto& [name, quoted] : includes_of(source->second)) {
    if (is_torch(name)) return path.string() + " -> " + name;
    const std::string way = quoted ? way_to_torch(name, sources, seen) : "";
    if (!way.empty()) return path.string() + " -> " + way;
  }
  return "";
}

TEST(Rooms, TheRuleFindsWhatItShould) {
  EXPECT_THAT(broken_rules("base/a.h", "#include \"format/b.h\"\n"), testing::SizeIs(1));
  EXPECT_THAT(broken_rules("model/a.h", "#include <torch/torch.h>\n"), testing::SizeIs(1));
  EXPECT_THAT(broken_rules("cli/a.h", " # include <ATen/ATen.h>\n"), testing::SizeIs(1));
  EXPECT_THAT(broken_rules("cli/a.h", "#include \"nowhere/a.h\"\n"), testing::SizeIs(1));
  EXPECT_THAT(broken_rules("cli/lab/a.h", "#include \"lab/nn/a.h\"\n#include <torch/torch.h>\n"),
              testing::IsEmpty());
  EXPECT_THAT(
      broken_rules("model/a.h", "#include \"base/b.h\"\n#include <vector>\n// #include \"lab/x.h\"\n"),
      testing::IsEmpty());
}

TEST(Rooms, ADetourToTorchIsFound) {
  const std::map<fs::path, std::string> sources = {
      {"cli/a.cpp", "#include \"lab/b.h\"\n"},
      {"lab/b.h", "#include \"lab/b.h\"\n#include \"lab/c.h\"\n"},
      {"lab/c.h", "#include <torch/torch.h>\n"}};
  std::set<fs::path> seen;
  EXPECT_EQ(way_to_torch("cli/a.cpp", sources, seen), "cli/a.cpp -> lab/b.h -> lab/c.h -> torch/torch.h");
}

// Every source of src/, by its path below it.
std::map<fs::path, std::string> all_sources() {
  const fs::path root = fs::path(COPPICE_SOURCE) / "src";
  std::map<fs::path, std::string> sources;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (const auto extension = entry.path().extension();
        extension == ".h" || extension == ".cpp" || extension == ".cc" || extension == ".inc")
      sources[entry.path().lexically_relative(root)] = read_file(entry.path());
  return sources;
}

TEST(Rooms, NoFileIncludesFromARoomAboveIt) {
  const auto sources = all_sources();
  EXPECT_GT(sources.size(), 30u) << "src/ was not found where the tests look for it";
  for (const auto& [path, source] : sources) {
    EXPECT_GE(height_of(path.begin()->string()), 0) << path << " is in no known room";
    for (const auto& rule : broken_rules(path, source)) ADD_FAILURE() << rule;
  }
}

TEST(Rooms, TheTorchFreeHalfDoesNotReachTorchByADetour) {
  const auto sources = all_sources();
  for (const auto& [path, source] : sources) {
    if (path.begin()->string() == "lab" || path.string().starts_with("cli/lab/")) continue;
    std::set<fs::path> seen;
    EXPECT_EQ(way_to_torch(path, sources, seen), "");
  }
}

// The lines that a command prints; nothing if it fails.
std::vector<std::string> lines_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((command + " 2>/dev/null").c_str(), "r"),
                                                   ::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  for (size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
    text.append(buffer.data(), n);
  return split(text, '\n');
}

bool is_torch_symbol(const std::string& line) {
  static const std::regex torch(R"((^|[^A-Za-z0-9_:])(torch|c10|at|caffe2)::|lib(torch|c10))");
  return std::regex_search(line, torch);
}

class TorchFree : public testing::TestWithParam<const char*> {};

TEST_P(TorchFree, HasNoTorchSymbol) {
  const fs::path file = fs::path(COPPICE_BUILD) / "src" / GetParam();
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not built";
  const auto symbols = lines_of("nm -C '" + file.string() + "' || nm -D -C '" + file.string() + "'");
  if (symbols.size() < 3) GTEST_SKIP() << "nm is not installed, or has nothing to say of " << file;
  int own = 0;
  for (const auto& symbol : symbols) {
    EXPECT_FALSE(is_torch_symbol(symbol)) << file << ": " << symbol;
    own += symbol.find("coppice::") != symbol.npos;
  }
  EXPECT_GT(own, 0) << "our own symbols should be among them";
  if (file.extension() == ".a") return;
  for (const auto& library : lines_of("readelf -d '" + file.string() + "'"))
    EXPECT_FALSE(is_torch_symbol(library)) << library;
}

INSTANTIATE_TEST_SUITE_P(Built, TorchFree,
                         testing::Values("cli/coppice", "cli/libcoppice_cli.a", "libcoppice_base.a",
                                         "libcoppice_net.a", "libcoppice_kernels.a", "libcoppice_format.a",
                                         "libcoppice_text.a", "libcoppice_measure.a", "libcoppice_model.a"));

TEST(TorchSymbols, AreRecognised) {
  EXPECT_TRUE(is_torch_symbol("U at::Tensor::item() const"));
  EXPECT_TRUE(is_torch_symbol("T void f<c10::ArrayRef<long> >(c10::ArrayRef<long>)"));
  EXPECT_TRUE(is_torch_symbol(" 0x01 (NEEDED) Shared library: [libtorch_cpu.so.1.13]"));
  EXPECT_FALSE(is_torch_symbol("T coppice::MappedFile::MappedFile(std::filesystem::path const&)"));
  EXPECT_FALSE(is_torch_symbol("T std::format::at::x"));
}

}  // namespace
}  // namespace coppice
