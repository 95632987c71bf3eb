// Measures llama.cpp or ik_llama.cpp through its shared library, given by path, so that any build of it serves: one
// compiled here, or the prebuilt one of npm's node-llama-cpp. The few functions of its C interface that are needed are
// declared here; where numbers lie in its parameters is found in the defaults that the library itself gives.
//
//   peer_libllama LIBLLAMA MODEL.gguf [-t THREADS] [-r ROUNDS] [-w WARMUPS] TEST…
//     pp:N        N tokens of prompt in one go, tokens/s
//     tg:N        N tokens one after the other, behind an empty context, tokens/s
//     tg:N@D      the same behind D tokens of context
//     bd:B:N      B sequences decode N tokens each, together, tokens/s of all
//     first:N     seconds from the start of loading to the logits behind a prompt of N tokens (first round, or alone)
//     ppl:C:FILE  perplexity of a text in windows of C tokens, as `coppice eval` cuts them
// One line of JSON for each test and round, then one with the peak of resident memory.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <sys/resource.h>

namespace {

struct Model;
struct Context;
struct Vocabulary;
struct Memory;

// Large enough for the parameters of any version; they are passed on as the library filled them.
struct Parameters {
  unsigned char bytes[1024];
};

struct Batch {
  int32_t count;
  int32_t* tokens;
  float* embeddings;
  int32_t* positions;
  int32_t* sequence_counts;
  int32_t** sequences;
  int8_t* wants_logits;
  int32_t unused[4];  // three fields of ik_llama.cpp's
};

[[noreturn]] void fail(const std::string& message) {
  std::cerr << "error: " << message << "\n";
  std::exit(1);
}

struct Library {
  void* handle;

  bool has(const char* name) const { return dlsym(handle, name) != nullptr; }

  template <class Function>
  Function* get(const char* name) const {
    auto* found = reinterpret_cast<Function*>(dlsym(handle, name));
    if (found == nullptr) fail(std::string("the library has no ") + name);
    return found;
  }

  explicit Library(const std::string& path) : handle(dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    if (handle == nullptr) fail(dlerror());
    get<void(void (*)(int, const char*, void*), void*)>("llama_log_set")([](int, const char*, void*) {},
                                                                         nullptr);
    if (auto* load =
            reinterpret_cast<void (*)(const char*)>(dlsym(handle, "ggml_backend_load_all_from_path")))
      load(std::filesystem::path(path).parent_path().c_str());
    get<void()>("llama_backend_init")();
    model_defaults = get<Parameters()>("llama_model_default_params");
    context_defaults = get<Parameters()>("llama_context_default_params");
    load_model = get<Model*(const char*, Parameters)>("llama_model_load_from_file");
    new_context = get<Context*(Model*, Parameters)>("llama_init_from_model");
    free_context = get<void(Context*)>("llama_free");
    decode = get<int32_t(Context*, Batch)>("llama_decode");
    logits_at = get<float*(Context*, int32_t)>("llama_get_logits_ith");
    synchronize = get<void(Context*)>("llama_synchronize");
    vocabulary_of = get<const Vocabulary*(const Model*)>("llama_model_get_vocab");
    vocabulary_size = get<int32_t(const Vocabulary*)>("llama_vocab_n_tokens");
    batch_init = get<Batch(int32_t, int32_t, int32_t)>("llama_batch_init");
    if (has("llama_get_memory")) {
      memory_of = get<Memory*(Context*)>("llama_get_memory");
      clear_memory = get<void(Memory*, bool)>("llama_memory_clear");
    } else {
      clear_cache = get<void(Context*)>("llama_kv_cache_clear");
    }
    tokenize = get<int32_t(const Vocabulary*, const char*, int32_t, int32_t*, int32_t, bool, bool)>(
        has("llama_vocab_tokenize") ? "llama_vocab_tokenize" : "llama_tokenize");
    bos = get<int32_t(const Vocabulary*)>("llama_vocab_bos");
    adds_bos = get<bool(const Vocabulary*)>("llama_vocab_get_add_bos");
  }

  Parameters (*model_defaults)();
  Parameters (*context_defaults)();
  Model* (*load_model)(const char*, Parameters);
  Context* (*new_context)(Model*, Parameters);
  void (*free_context)(Context*);
  int32_t (*decode)(Context*, Batch);
  float* (*logits_at)(Context*, int32_t);
  void (*synchronize)(Context*);
  const Vocabulary* (*vocabulary_of)(const Model*);
  int32_t (*vocabulary_size)(const Vocabulary*);
  Batch (*batch_init)(int32_t, int32_t, int32_t);
  Memory* (*memory_of)(Context*) = nullptr;
  void (*clear_memory)(Memory*, bool) = nullptr;
  void (*clear_cache)(Context*) = nullptr;
  int32_t (*tokenize)(const Vocabulary*, const char*, int32_t, int32_t*, int32_t, bool, bool);
  int32_t (*bos)(const Vocabulary*);
  bool (*adds_bos)(const Vocabulary*);
};

uint32_t number_at(const Parameters& parameters, size_t place) {
  uint32_t number = 0;
  std::memcpy(&number, parameters.bytes + 4 * place, sizeof number);
  return number;
}
void put(Parameters& parameters, size_t place, uint32_t number) {
  std::memcpy(parameters.bytes + 4 * place, &number, sizeof number);
}

// n_ctx, n_batch, n_ubatch, n_seq_max come first, or behind a seed; the two numbers of threads follow each other with the
// default 4.
Parameters context_parameters(const Library& library, uint32_t context, uint32_t sequences,
                              uint32_t threads) {
  Parameters parameters = library.context_defaults();
  size_t first = 0;
  const auto begins_at = [&](size_t place) {
    return number_at(parameters, place) == 512 && number_at(parameters, place + 1) == 2048 &&
           number_at(parameters, place + 2) == 512 && number_at(parameters, place + 3) == 1;
  };
  while (first < 2 && !begins_at(first)) ++first;
  if (first == 2) fail("the parameters of this version begin otherwise");
  size_t place = first + 4;
  while (place < first + 12 && (number_at(parameters, place) != 4 || number_at(parameters, place + 1) != 4))
    ++place;
  if (place == first + 12) fail("no number of threads in the parameters of this version");
  put(parameters, first, context * sequences);
  put(parameters, first + 3, sequences);
  put(parameters, place, threads);
  put(parameters, place + 1, threads);
  return parameters;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Session {
 public:
  Session(const Library& library, const std::string& path, uint32_t context, uint32_t sequences,
          uint32_t threads)
      : library_(library), start_(now()) {
    model_ = library.load_model(path.c_str(), library.model_defaults());
    if (model_ == nullptr) fail("llama.cpp does not load " + path);
    context_ = library.new_context(model_, context_parameters(library, context, sequences, threads));
    if (context_ == nullptr) fail("llama.cpp makes no context of " + std::to_string(context));
    batch_ = library.batch_init(static_cast<int32_t>(std::max(context, sequences)), 0, 1);
  }

  int32_t vocabulary() const { return library_.vocabulary_size(library_.vocabulary_of(model_)); }
  double start() const { return start_; }
  void clear() {
    if (library_.clear_cache != nullptr)
      library_.clear_cache(context_);
    else
      library_.clear_memory(library_.memory_of(context_), true);
  }

  void add(int32_t token, int32_t position, int32_t sequence, bool wants_logits) {
    const int32_t i = batch_.count++;
    batch_.tokens[i] = token;
    batch_.positions[i] = position;
    batch_.sequence_counts[i] = 1;
    batch_.sequences[i][0] = sequence;
    batch_.wants_logits[i] = wants_logits;
  }
  void run() {
    if (library_.decode(context_, batch_) != 0) fail("llama_decode failed");
    library_.synchronize(context_);
  }
  void begin() { batch_.count = 0; }
  const float* logits(int32_t i) { return library_.logits_at(context_, i); }

  int32_t any_token() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int32_t>((state_ >> 33) % static_cast<uint64_t>(vocabulary()));
  }

  // In batches of at most as many tokens as the library takes by default.
  void prompt(int32_t count, int32_t sequence = 0) {
    constexpr int32_t most = 2048;
    for (int32_t first = 0; first < count; first += most) {
      begin();
      for (int32_t i = first; i < std::min(count, first + most); ++i)
        add(any_token(), i, sequence, i + 1 == count);
      run();
    }
  }

  std::vector<int32_t> ids(const std::string& text) const {
    std::vector<int32_t> ids(text.size() + 16);
    const int32_t count =
        library_.tokenize(library_.vocabulary_of(model_), text.data(), static_cast<int32_t>(text.size()),
                          ids.data(), static_cast<int32_t>(ids.size()), false, false);
    if (count < 0) fail("the text has more tokens than bytes");
    ids.resize(static_cast<size_t>(count));
    return ids;
  }
  // The leading token, or -1.
  int32_t leading() const {
    const Vocabulary* vocabulary = library_.vocabulary_of(model_);
    return library_.adds_bos(vocabulary) ? library_.bos(vocabulary) : -1;
  }

 private:
  const Library& library_;
  double start_;
  Model* model_ = nullptr;
  Context* context_ = nullptr;
  Batch batch_{};
  uint64_t state_ = 1;
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

double log_probability(const float* logits, int32_t size, int32_t id) {
  const double highest = *std::max_element(logits, logits + size);
  double sum = 0;
  for (int32_t i = 0; i < size; ++i) sum += std::exp(logits[i] - highest);
  return logits[id] - highest - std::log(sum);
}

double perplexity(Session& session, const std::string& path, int32_t context, int64_t& scored) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) fail("no text in " + path);
  const auto ids = session.ids(text);
  const int32_t leading = session.leading();
  const size_t step = static_cast<size_t>(leading >= 0 ? context - 1 : context);
  double sum = 0;
  for (size_t begin = 0; begin < ids.size(); begin += step) {
    std::vector<int32_t> window;
    if (leading >= 0) window.push_back(leading);
    for (size_t i = begin; i < std::min(ids.size(), begin + step); ++i) window.push_back(ids[i]);
    session.clear();
    session.begin();
    for (size_t i = 0; i < window.size(); ++i)
      session.add(window[i], static_cast<int32_t>(i), 0, i + 1 < window.size());
    session.run();
    for (size_t i = 0; i + 1 < window.size(); ++i) {
      sum -= log_probability(session.logits(static_cast<int32_t>(i)), session.vocabulary(), window[i + 1]);
      ++scored;
    }
  }
  return std::exp(sum / static_cast<double>(scored));
}

// Tokens/s of one round of a test of speed.
double speed(Session& session, const std::string& test) {
  const auto parts = split(test, ':');
  session.clear();
  if (parts[0] == "pp") {
    const int32_t count = std::stoi(parts[1]);
    const double start = now();
    session.prompt(count);
    return count / (now() - start);
  }
  const bool batched = parts[0] == "bd";
  const int32_t sequences = batched ? std::stoi(parts[1]) : 1;
  const auto length = split(parts.back(), '@');
  const int32_t count = std::stoi(length[0]), depth = length.size() > 1 ? std::stoi(length[1]) : 0;
  if (depth > 0) session.prompt(depth);
  const double start = now();
  for (int32_t i = 0; i < count; ++i) {
    session.begin();
    for (int32_t s = 0; s < sequences; ++s) session.add(session.any_token(), depth + i, s, true);
    session.run();
  }
  return sequences * count / (now() - start);
}

int32_t context_for(const std::string& test) {
  const auto parts = split(test, ':');
  if (parts[0] == "ppl" || parts[0] == "first") return std::stoi(parts[1]) + 8;
  const auto length = split(parts.back(), '@');
  return std::stoi(length[0]) + (length.size() > 1 ? std::stoi(length[1]) : 0) + 8;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4)
    fail("usage: peer_libllama LIBLLAMA MODEL.gguf [-t THREADS] [-r ROUNDS] [-w WARMUPS] TEST...");
  uint32_t threads = 2;
  int rounds = 1, warmups = 1;
  std::vector<std::string> tests;
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-t" && i + 1 < argc)
      threads = static_cast<uint32_t>(std::atoi(argv[++i]));
    else if (word == "-r" && i + 1 < argc)
      rounds = std::atoi(argv[++i]);
    else if (word == "-w" && i + 1 < argc)
      warmups = std::atoi(argv[++i]);
    else
      tests.push_back(word);
  }
  const Library library(argv[1]);
  int32_t context = 8;
  uint32_t sequences = 1;
  for (const auto& test : tests) {
    context = std::max(context, context_for(test));
    if (test.starts_with("bd:"))
      sequences = std::max(sequences, static_cast<uint32_t>(std::stoi(split(test, ':')[1])));
  }
  Session session(library, argv[2], static_cast<uint32_t>(context), sequences, threads);
  for (const auto& test : tests) {
    const auto parts = split(test, ':');
    if (parts[0] == "first") {
      session.clear();
      session.prompt(std::stoi(parts[1]));
      std::cout << "{\"test\": \"" << test << "\", \"seconds\": " << now() - session.start() << "}"
                << std::endl;
      continue;
    }
    if (parts[0] == "ppl") {
      int64_t scored = 0;
      const double result = perplexity(session, parts[2], std::stoi(parts[1]), scored);
      std::cout << "{\"test\": \"" << test << "\", \"ppl\": " << result << ", \"tokens\": " << scored << "}"
                << std::endl;
      continue;
    }
    for (int round = -warmups; round < rounds; ++round) {
      const double result = speed(session, test);
      if (round >= 0)
        std::cout << "{\"test\": \"" << test << "\", \"tokens_per_s\": " << result << "}" << std::endl;
    }
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::cout << "{\"peak_bytes\": " << usage.ru_maxrss * 1024 << "}" << std::endl;
  return 0;
}
