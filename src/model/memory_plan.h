#pragma once
// What running a model takes, told before anything is loaded: from the spec and the bytes of the files alone.

#include <cstdint>
#include <string>

#include "model/model_files.h"

namespace coppice {

struct MemoryPlan {
  int64_t weight_bytes = 0;          // of the files
  int64_t cache_bytes = 0;           // of all sequences at their full length, kept as f32
  int64_t pass_bytes = 0;            // activations of the largest pass, and its logits
  int64_t bytes_per_token = 0;       // weights that one new token reads, at the files' bits per weight
  int64_t cache_read_per_token = 0;  // keys and values that one new token at the full length reads

  int64_t resident_bytes() const { return weight_bytes + cache_bytes + pass_bytes; }
};

// `sequences` of `length` tokens, of which at most `rows` are taken in by one pass.
MemoryPlan plan_memory(const ModelFiles& files, int64_t sequences, int64_t length, int64_t rows);

// Bytes that the system can give to a program now.
int64_t available_memory();

// An Error, naming `where`, unless the plan fits into `available` bytes.
void require_memory(const MemoryPlan& plan, int64_t available, const std::string& where);

}  // namespace coppice
