// Drives a fuzzer without libFuzzer: every seed file as it is, then fixed random mutations of it. A crash, a
// hang or a sanitizer report fails the test; the fuzzer itself swallows coppice::Error, which is the right
// answer to bad bytes.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int mutations_per_seed = 400;

void feed(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string mutate(std::string bytes, coppice::Rng& rng) {
  const auto edits = 1 + rng.below(4);
  for (uint64_t i = 0; i < edits && !bytes.empty(); ++i) {
    const size_t at = rng.below(bytes.size());
    switch (rng.below(5)) {
      case 0:
        bytes[at] = static_cast<char>(rng.next());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(at, bytes.substr(rng.below(bytes.size()), 1 + rng.below(16)));
        break;
      default:
        bytes.erase(at, 1 + rng.below(16));
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  coppice::Rng rng(1);
  std::vector<std::string> seeds = {""};
  for (int i = 1; i < argc; ++i)
    if (std::filesystem::is_directory(argv[i]))
      for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
        seeds.push_back(coppice::read_file(entry.path()));
  std::sort(seeds.begin(), seeds.end());  // directory order differs between machines
  for (const auto& seed : seeds) {
    feed(seed);
    for (int i = 0; i < mutations_per_seed; ++i) feed(mutate(seed, rng));
  }
  std::printf("%zu seeds, %zu inputs\n", seeds.size(), seeds.size() * (mutations_per_seed + 1));
}
