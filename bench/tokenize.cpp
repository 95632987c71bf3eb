// Encoding speed of one thread, line by line, as megabytes of text per second of processor time. The first
// pass over the text meets every word for the first time; the later ones are as a long text is, most of whose
// words are known. tests/peers/tokenizer_speed.mjs sets it beside other programs.
//
//   bench_tokenize TOKENIZER TEXT_FILE [ROUNDS]      TOKENIZER: a model directory or a GGUF file

#include <algorithm>
#include <ctime>
#include <iostream>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "text/tokenizer.h"

namespace {

using namespace coppice;

double megabytes_per_s(const Tokenizer& tokenizer, std::string_view text, size_t& tokens) {
  const std::clock_t start = std::clock();
  tokens = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    tokens += tokenizer.encode(text.substr(at, end - at), false).size();
    at = end + 1;
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return static_cast<double>(text.size()) / seconds / 1e6;
}

int run(const char* directory, const char* file, int rounds) {
  const auto tokenizer = load_tokenizer(directory);
  const std::string text = read_file(file);
  size_t tokens = 0;
  const double first = megabytes_per_s(*tokenizer, text, tokens);
  std::vector<double> speeds;
  for (int round = 0; round < rounds; ++round) speeds.push_back(megabytes_per_s(*tokenizer, text, tokens));
  std::sort(speeds.begin(), speeds.end());
  std::cout << to_text(Json{{"benchmark", "tokenize"},
                            {"bytes", text.size()},
                            {"tokens", tokens},
                            {"rounds", rounds},
                            {"first_mb_per_s", first},
                            {"mb_per_s", speeds[speeds.size() / 2]},
                            {"slowest", speeds.front()},
                            {"fastest", speeds.back()}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    // script/bench runs every benchmark without arguments.
    std::cerr << "usage: bench_tokenize TOKENIZER TEXT_FILE [ROUNDS]\n";
    return argc == 1 ? 0 : 2;
  }
  try {
    return run(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 7);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
