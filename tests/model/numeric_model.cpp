#include "numeric_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/file.h"
#include "format/float16.h"
#include "random_word_router.h"
#include "text/random_words.h"

namespace coppice::test {
namespace {

float rounded(float value, DType dtype) {
  if (dtype == DType::bf16) return bf16_to_float(float_to_bf16(value));
  if (dtype == DType::f16) return f16_to_float(float_to_f16(value));
  return value;
}

std::vector<std::byte> stored(const std::vector<float>& values, DType dtype) {
  std::vector<std::byte> bytes;
  for (const float value : values) {
    const uint16_t half = dtype == DType::bf16 ? float_to_bf16(value) : float_to_f16(value);
    const auto piece =
        dtype == DType::f32 ? std::as_bytes(std::span(&value, 1)) : std::as_bytes(std::span(&half, 1));
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  }
  return bytes;
}

}  // namespace

NumericModel::NumericModel(ModelSpec spec, uint64_t seed, DType dtype)
    : spec_(std::move(spec)), dtype_(dtype) {
  for (const auto& tensor : tensor_table(spec_)) {
    Rng rng = Rng(seed).fork(tensor.name);
    if (tensor.name == "model.routing_vocabulary") {
      neurons_[tensor.name] = random_word_table(spec_.routing_vocabulary->entries,
                                                spec_.routing_vocabulary->longest, spec_.vocabulary, rng);
      continue;
    }
    if (tensor.integer) {
      const size_t layer = std::stoul(tensor.name.substr(std::string("model.layers.").size()));
      std::vector<int32_t> all(static_cast<size_t>(moe_of(spec_.blocks[layer])->dense_width));
      std::iota(all.begin(), all.end(), 0);
      rng.shuffle(all);
      all.resize(static_cast<size_t>(tensor.count()));
      std::sort(all.begin(), all.end());
      neurons_[tensor.name] = all;
      continue;
    }
    const bool matrix = tensor.shape.size() == 2;
    const double scale =
        matrix ? 1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, tensor.shape[1]))) : 0.2;
    const double centre = tensor.name.ends_with("norm.weight") ? 1 : 0;  // q_norm, input_layernorm, …
    auto& values = floats_[tensor.name];
    for (int64_t i = 0; i < tensor.count(); ++i)
      values.push_back(rounded(static_cast<float>(centre + scale * rng.normal()), dtype));
  }
}

std::shared_ptr<const ModelDirectory> NumericModel::open() const {
  std::vector<TensorData> tensors;
  std::vector<std::vector<std::byte>> bytes;
  const auto table = tensor_table(spec_);
  bytes.reserve(table.size());
  for (const auto& tensor : table) {
    if (tensor.integer) {
      tensors.push_back(
          {tensor.name, DType::i32, tensor.shape, std::as_bytes(std::span(neurons_.at(tensor.name)))});
    } else {
      bytes.push_back(stored(floats_.at(tensor.name), dtype_));
      tensors.push_back({tensor.name, dtype_, tensor.shape, bytes.back()});
    }
  }
  write_model(folder_->path(), spec_, tensors);
  return std::make_shared<ModelDirectory>(folder_->path());
}

using Vector = std::vector<double>;

// One forward pass over a whole sequence, token by token, layer by layer.
class Reference {
 public:
  explicit Reference(const NumericModel& model) : model_(model), spec_(model.spec_) {}

  Vector logits(std::span<const int32_t> tokens) {
    if (const auto& words = spec_.routing_vocabulary) {
      const auto& table = model_.neurons_.at("model.routing_vocabulary");
      const auto longest = static_cast<size_t>(words->longest);
      words_ =
          is_causal(spec_) ? naive_ending(table, longest, tokens) : naive_covering(table, longest, tokens);
    }
    std::vector<Vector> x;
    for (const int32_t token : tokens) {
      x.push_back(row("model.embed_tokens.weight", token, spec_.width));
      for (double& value : x.back()) value *= spec_.embedding_scale;
      const int64_t place = static_cast<int64_t>(x.size()) - 1 + spec_.position_offset;
      if (spec_.learned_positions) add(x.back(), row("model.embed_positions.weight", place, spec_.width), 1);
      if (spec_.token_types > 0) add(x.back(), row("model.embed_token_types.weight", 0, spec_.width), 1);
      if (spec_.embedding_norm) x.back() = norm(x.back(), "model.embed_norm");
    }
    for (size_t i = 0; i < spec_.blocks.size(); ++i) {
      prefix_ = fmt::format("model.layers.{}.", i);
      const NormPlacement placement = spec_.blocks[i].norms;
      const auto feed = [&](const Vector& v) {
        return std::visit([&](const auto& ffn) { return feed_forward(ffn, v); }, spec_.blocks[i].ffn);
      };
      std::vector<Vector> normed;
      for (const auto& v : x)
        normed.push_back(placement == NormPlacement::post || placement == NormPlacement::post_sum ||
                                 !spec_.blocks[i].mixer_norm
                             ? v
                             : norm(v, prefix_ + "input_layernorm"));
      const auto mixed =
          std::visit([&](const auto& mixer) { return mix(mixer, normed); }, spec_.blocks[i].mixer);
      for (size_t t = 0; t < x.size(); ++t) {
        token_ = t;
        if (placement == NormPlacement::pre) {
          add(x[t], mixed[t], spec_.residual_scale);
          add(x[t], feed(norm(x[t], prefix_ + "post_attention_layernorm")), spec_.residual_scale);
        } else if (placement == NormPlacement::post) {
          add(x[t], norm(mixed[t], prefix_ + "post_attention_layernorm"), spec_.residual_scale);
          add(x[t], norm(feed(x[t]), prefix_ + "post_feedforward_layernorm"), spec_.residual_scale);
        } else if (placement == NormPlacement::post_sum) {
          add(x[t], mixed[t], spec_.residual_scale);
          x[t] = norm(x[t], prefix_ + "post_attention_layernorm");
          add(x[t], feed(x[t]), spec_.residual_scale);
          x[t] = norm(x[t], prefix_ + "post_feedforward_layernorm");
        } else if (placement == NormPlacement::sandwich) {
          add(x[t], norm(mixed[t], prefix_ + "post_attention_layernorm"), spec_.residual_scale);
          add(x[t],
              norm(feed(norm(x[t], prefix_ + "pre_feedforward_layernorm")),
                   prefix_ + "post_feedforward_layernorm"),
              spec_.residual_scale);
        } else {
          add(x[t], mixed[t], spec_.residual_scale);
          add(x[t], feed(normed[t]), spec_.residual_scale);
        }
      }
    }
    Vector all;
    for (Vector v : x) {
      if (spec_.final_norm) v = norm(v, "model.norm");
      if (spec_.head == HeadKind::masked) {
        v = multiply("lm_head.dense", v, spec_.head_dense_bias);
        for (double& h : v) h = activate(spec_.head_activation, h);
        v = norm(v, "lm_head.norm");
      }
      Vector row = multiply(spec_.tied_embeddings ? "model.embed_tokens" : "lm_head", v, false);
      for (double& logit : row) logit *= spec_.logit_scale;
      for (size_t i = 0; i < row.size() && spec_.head_bias; ++i) row[i] += floats("lm_head.bias")[i];
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  }

 private:
  const std::vector<float>& floats(const std::string& name) const { return model_.floats_.at(name); }

  Vector row(const std::string& name, int64_t index, int64_t width) const {
    const auto begin = floats(name).begin() + index * width;
    return {begin, begin + width};
  }

  static void add(Vector& y, const Vector& x, double scale) {
    for (size_t i = 0; i < y.size(); ++i) y[i] += scale * x[i];
  }

  static double dot(const Vector& a, const Vector& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }

  Vector multiply(const std::string& name, const Vector& x, bool bias) const {
    const auto width = static_cast<int64_t>(x.size());
    const int64_t rows = width == 0 ? 0 : static_cast<int64_t>(floats(name + ".weight").size()) / width;
    Vector y;
    for (int64_t r = 0; r < rows; ++r)
      y.push_back(dot(row(name + ".weight", r, width), x) +
                  (bias ? floats(name + ".bias")[static_cast<size_t>(r)] : 0));
    return y;
  }

  Vector rms_norm(const Vector& x, const std::string& weight) const {
    return rms_norm(x, weight, spec_.norm_epsilon);
  }
  Vector rms_norm(const Vector& x, const std::string& weight, double epsilon) const {
    const double scale = 1 / std::sqrt(dot(x, x) / static_cast<double>(x.size()) + epsilon);
    Vector y;
    for (size_t i = 0; i < x.size(); ++i) y.push_back(x[i] * scale * floats(weight)[i]);
    return y;
  }

  Vector norm(Vector x, const std::string& name) const {
    if (spec_.norm == NormKind::rms) return rms_norm(x, name + ".weight");
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
    for (double& v : x) v -= mean;
    Vector y = rms_norm(x, name + ".weight");  // LayerNorm is RMSNorm of what is centred, and a bias
    for (size_t i = 0; i < y.size() && spec_.norm_bias; ++i) y[i] += floats(name + ".bias")[i];
    return y;
  }

  // Each piece of as many values as the weight has by itself: a head, or the whole projection.
  void norm_pieces(Vector& x, const std::string& weight) const {
    const size_t size = floats(weight).size();
    for (size_t begin = 0; begin < x.size(); begin += size) {
      const auto at = x.begin() + static_cast<std::ptrdiff_t>(begin);
      const Vector normed = rms_norm(Vector(at, at + static_cast<std::ptrdiff_t>(size)), weight);
      std::copy(normed.begin(), normed.end(), at);
    }
  }

  static void rotate(Vector& heads, const RopeSpec& rope, int64_t head_dim, size_t position) {
    const auto frequencies = rope_frequencies(rope, head_dim);
    const size_t half = frequencies.size(), dim = static_cast<size_t>(head_dim);
    for (size_t head = 0; head < heads.size(); head += dim)
      for (size_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(position) * frequencies[i], size = rope_amplitude(rope);
        double& first = heads[head + (rope.interleaved ? 2 * i : i)];
        double& second = heads[head + (rope.interleaved ? 2 * i + 1 : i + half)];
        const double p = first, q = second;
        first = size * (p * std::cos(angle) - q * std::sin(angle));
        second = size * (q * std::cos(angle) + p * std::sin(angle));
      }
  }

  static void make_softmax(Vector& scores) {
    const double highest_score = *std::ranges::max_element(scores);
    double total = 0;
    for (double& score : scores) total += score = std::exp(score - highest_score);
    for (double& score : scores) score /= total;
  }

  std::vector<Vector> mix(const ShortConvSpec& conv, const std::vector<Vector>& x) const {
    const auto width = static_cast<size_t>(spec_.width), size = static_cast<size_t>(conv.kernel_size);
    const auto& taps = floats(prefix_ + "conv.conv.weight");
    std::vector<Vector> gated, out;
    for (size_t t = 0; t < x.size(); ++t) {
      const Vector parts = multiply(prefix_ + "conv.in_proj", x[t], conv.bias);
      gated.emplace_back();
      for (size_t i = 0; i < width; ++i) gated[t].push_back(parts[i] * parts[2 * width + i]);
      Vector mixed;
      for (size_t i = 0; i < width; ++i) {
        double sum = conv.bias ? floats(prefix_ + "conv.conv.bias")[i] : 0;
        for (size_t back = 0; back < size && back <= t; ++back)
          sum += taps[i * size + size - 1 - back] * gated[t - back][i];
        mixed.push_back(parts[width + i] * sum);
      }
      out.push_back(multiply(prefix_ + "conv.out_proj", mixed, conv.bias));
    }
    return out;
  }

  // With the keys and values of every head written out.
  std::vector<Vector> mix(const LatentAttentionSpec& a, const std::vector<Vector>& x) const {
    const std::string name = prefix_ + "self_attn.";
    const auto part = [](const Vector& v, int64_t begin, int64_t count) {
      return Vector(v.begin() + begin, v.begin() + begin + count);
    };
    std::vector<std::vector<Vector>> queries, keys, values;  // [token][head]
    for (size_t t = 0; t < x.size(); ++t) {
      const Vector q = a.query_rank > 0 ? multiply(name + "q_b_proj",
                                                   rms_norm(multiply(name + "q_a_proj", x[t], a.bias),
                                                            name + "q_a_layernorm.weight", a.norm_epsilon),
                                                   false)
                                        : multiply(name + "q_proj", x[t], false);
      const Vector both = multiply(name + "kv_a_proj_with_mqa", x[t], a.bias);
      const Vector latent =
          rms_norm(part(both, 0, a.latent_rank), name + "kv_a_layernorm.weight", a.norm_epsilon);
      Vector shared = part(both, a.latent_rank, a.rotary_dim);
      rotate(shared, a.rope, a.rotary_dim, t);
      const Vector expanded = multiply(name + "kv_b_proj", latent, false);
      queries.emplace_back(), keys.emplace_back(), values.emplace_back();
      for (int64_t h = 0; h < a.heads; ++h) {
        Vector turned = part(q, h * a.query_dim() + a.plain_dim, a.rotary_dim);
        rotate(turned, a.rope, a.rotary_dim, t);
        Vector query = part(q, h * a.query_dim(), a.plain_dim);
        Vector key = part(expanded, h * (a.plain_dim + a.value_dim), a.plain_dim);
        query.insert(query.end(), turned.begin(), turned.end());
        key.insert(key.end(), shared.begin(), shared.end());
        queries.back().push_back(query), keys.back().push_back(key);
        values.back().push_back(part(expanded, h * (a.plain_dim + a.value_dim) + a.plain_dim, a.value_dim));
      }
    }
    std::vector<Vector> out;
    for (size_t t = 0; t < x.size(); ++t) {
      Vector mixed;
      for (size_t h = 0; h < static_cast<size_t>(a.heads); ++h) {
        Vector weights, sum(static_cast<size_t>(a.value_dim));
        for (size_t s = 0; s <= t; ++s)
          weights.push_back(dot(queries[t][h], keys[s][h]) * rope_score_scale(a.rope) /
                            std::sqrt(static_cast<double>(a.query_dim())));
        make_softmax(weights);
        for (size_t s = 0; s <= t; ++s) add(sum, values[s][h], weights[s]);
        mixed.insert(mixed.end(), sum.begin(), sum.end());
      }
      out.push_back(multiply(name + "o_proj", mixed, a.bias));
    }
    return out;
  }

  std::vector<Vector> mix(const AttentionSpec& a, const std::vector<Vector>& x) const {
    std::vector<Vector> queries, keys, values, out;
    for (size_t t = 0; t < x.size(); ++t) {
      queries.push_back(multiply(prefix_ + "self_attn.q_proj", x[t], a.qkv_bias));
      keys.push_back(multiply(prefix_ + "self_attn.k_proj", x[t], a.qkv_bias));
      values.push_back(multiply(prefix_ + "self_attn.v_proj", x[t], a.qkv_bias));
      if (a.qk_norm != QkNorm::none) {
        norm_pieces(queries.back(), prefix_ + "self_attn.q_norm.weight");
        norm_pieces(keys.back(), prefix_ + "self_attn.k_norm.weight");
      }
      rotate(queries.back(), a.rope, a.head_dim, t);
      rotate(keys.back(), a.rope, a.head_dim, t);
    }
    const auto dim = static_cast<size_t>(a.head_dim);
    for (size_t t = 0; t < x.size(); ++t) {
      Vector mixed;
      for (size_t head = 0; head < static_cast<size_t>(a.heads); ++head) {
        const size_t from = head / static_cast<size_t>(a.heads / a.kv_heads) * dim;
        Vector weights;
        const auto window = static_cast<size_t>(a.window);
        const size_t first = window > 0 && t + 1 > window ? t + 1 - window : 0;
        const size_t ahead = window > 0 ? t + window : x.size();
        const size_t end = a.causal ? t + 1 : std::min(x.size(), ahead);
        for (size_t s = first; s < end; ++s) {
          double score = 0;
          for (size_t i = 0; i < dim; ++i) score += queries[t][head * dim + i] * keys[s][from + i];
          score *= a.scale.value_or(1 / std::sqrt(static_cast<double>(dim))) * rope_score_scale(a.rope);
          if (a.relative_bias.buckets > 0) {
            const auto offset = static_cast<int64_t>(s) - static_cast<int64_t>(t);
            const int64_t bucket = relative_bucket(a.relative_bias, a.causal, offset);
            score += row(prefix_ + "self_attn.relative_bias.weight", bucket, a.heads)[head];
          }
          weights.push_back(score);
        }
        make_softmax(weights);
        Vector sum(dim);
        for (size_t s = first; s < end; ++s)
          for (size_t i = 0; i < dim; ++i) sum[i] += weights[s - first] * values[s][from + i];
        mixed.insert(mixed.end(), sum.begin(), sum.end());
      }
      if (a.gate != AttentionGate::none) {
        const Vector gates = multiply(prefix_ + "self_attn.gate_proj", x[t], false);
        const size_t per_gate = mixed.size() / gates.size();
        for (size_t i = 0; i < mixed.size(); ++i) mixed[i] /= 1 + std::exp(-gates[i / per_gate]);
      }
      out.push_back(multiply(prefix_ + "self_attn.o_proj", mixed, a.output_bias));
    }
    return out;
  }

  static double activate(Activation kind, double x) {
    switch (kind) {
      case Activation::silu:
        return x / (1 + std::exp(-x));
      case Activation::gelu:
        return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
      case Activation::gelu_tanh:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
      case Activation::relu:
        return std::max(0.0, x);
      case Activation::tanh:
        return std::tanh(x);
    }
    return NAN;
  }

  // A bank's output, through the hidden neurons in `only` (nullptr: all).
  Vector bank(const std::string& name, const Vector& x, bool gated, bool bias, Activation kind,
              const std::vector<int32_t>* only = nullptr) const {
    Vector hidden = multiply(name + "up_proj", x, bias);
    const Vector gate = gated ? multiply(name + "gate_proj", x, bias) : Vector{};
    for (size_t n = 0; n < hidden.size(); ++n) {
      hidden[n] = gated ? activate(kind, gate[n]) * hidden[n] : activate(kind, hidden[n]);
      if (only != nullptr && !std::binary_search(only->begin(), only->end(), static_cast<int32_t>(n)))
        hidden[n] = 0;
    }
    Vector y = multiply(name + "down_proj", hidden, bias);
    y.resize(static_cast<size_t>(spec_.width));
    return y;
  }

  Vector feed_forward(const DenseFfnSpec& ffn, const Vector& x) const {
    return bank(prefix_ + "mlp.", x, ffn.gated, ffn.bias, ffn.activation);
  }

  Vector router_scores(const MoeSpec& moe, const Vector& x) const {
    const std::string gate = prefix_ + "mlp.gate";
    Vector s;
    if (moe.router.source == RouterSource::linear) s = multiply(gate, x, false);
    if (moe.router.source == RouterSource::mlp_tanh) {
      Vector hidden = multiply(gate + ".hidden", x, false);
      for (double& h : hidden) h = std::tanh(h);
      s = multiply(gate + ".output", hidden, false);
    }
    if (moe.router.source == RouterSource::neurons) {
      s = multiply(gate + ".up", x, false);
      const Vector g = multiply(gate + ".gate", x, false);
      for (size_t e = 0; e < s.size(); ++e) s[e] = std::abs(s[e] * activate(moe.activation, g[e]));
    }
    if (moe.router.source == RouterSource::sparsity)
      for (int64_t e = 0; e < moe.experts(); ++e) {
        const std::string name = fmt::format("{}mlp.experts.{}.up_proj.weight", prefix_, e);
        const int64_t neurons = moe.widths[static_cast<size_t>(e)];
        double mean = 0, variance = 0;
        for (size_t i = 0; i < x.size(); ++i) {
          double column_mean = 0, column_variance = 0;
          for (int64_t n = 0; n < neurons; ++n) column_mean += row(name, n, spec_.width)[i];
          column_mean /= static_cast<double>(neurons);
          for (int64_t n = 0; n < neurons; ++n)
            column_variance += std::pow(row(name, n, spec_.width)[i] - column_mean, 2);
          mean += column_mean * x[i];
          variance += column_variance / static_cast<double>(neurons) * x[i] * x[i];
        }
        s.push_back(-0.5 * (1 + std::erf(mean / std::sqrt(2 * (variance + sparsity_least_variance)))));
      }
    if (moe.router.score == RouterScore::relu_norm) {
      double squares = 0;
      for (double& score : s) score = std::max(score, 0.0), squares += score * score;
      for (size_t e = 0; e < s.size(); ++e)
        s[e] *= floats(gate + ".norm.weight")[e] /
                std::sqrt(squares / static_cast<double>(s.size()) + moe.router.norm_epsilon);
    }
    if (moe.router.score == RouterScore::softmax) make_softmax(s);
    if (moe.router.score == RouterScore::sigmoid)
      for (double& score : s) score = 1 / (1 + std::exp(-score));
    return s;
  }

  // 1 for the expert of the token's word.
  Vector word_scores(const MoeSpec& moe) const {
    Vector scores(static_cast<size_t>(moe.experts()));
    const auto expert = naive_experts(moe.router.word_blocks).at(static_cast<size_t>(words_.at(token_)));
    scores[static_cast<size_t>(expert)] = 1;
    return scores;
  }

  // The indices of the `count` highest values, of equal ones the lower index.
  static std::vector<size_t> highest(const Vector& values, int64_t count) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
    order.resize(static_cast<size_t>(count));
    return order;
  }

  // Experts that the rule of groups rules out are worth nothing.
  static std::vector<size_t> select(const MoeSpec& moe, Vector keys) {
    const RouterSpec& router = moe.router;
    if (router.group_rule == GroupRule::none) return highest(keys, moe.top_k);
    const size_t groups = static_cast<size_t>(router.groups), size = keys.size() / groups;
    Vector worth(groups);
    std::vector<std::vector<size_t>> best(groups);
    for (size_t g = 0; g < groups; ++g) {
      const Vector own(keys.begin() + static_cast<std::ptrdiff_t>(g * size),
                       keys.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
      best[g] = highest(own, router.group_rule == GroupRule::each       ? moe.top_k / router.groups
                             : router.group_rule == GroupRule::best_two ? 2
                                                                        : 1);
      for (const size_t e : best[g]) worth[g] += own[e];
    }
    std::vector<bool> allowed(keys.size(), false);
    if (router.group_rule == GroupRule::each) {
      for (size_t g = 0; g < groups; ++g)
        for (const size_t e : best[g]) allowed[g * size + e] = true;
    } else {
      for (const size_t g : highest(worth, router.kept_groups))
        for (size_t e = 0; e < size; ++e) allowed[g * size + e] = true;
    }
    for (size_t e = 0; e < keys.size(); ++e)
      if (!allowed[e]) keys[e] = -INFINITY;
    return highest(keys, moe.top_k);
  }

  Vector feed_forward(const MoeSpec& moe, const Vector& x) const {
    const Vector scores = moe.router.source == RouterSource::word ? word_scores(moe) : router_scores(moe, x);
    Vector keys = scores;
    for (size_t e = 0; e < keys.size() && moe.router.selection_bias; ++e)
      keys[e] += floats(prefix_ + "mlp.gate.selection_bias")[e];
    const auto order = select(moe, keys);
    double total = 0;
    for (const size_t e : order) total += scores[e];
    total += moe.router.sum_epsilon;
    Vector y(static_cast<size_t>(spec_.width));
    if (moe.shared_width > 0) y = bank(prefix_ + "mlp.shared_expert.", x, moe.gated, false, moe.activation);
    if (moe.shared_gate) {
      const double gate = multiply(prefix_ + "mlp.shared_expert_gate", x, false)[0];
      for (double& v : y) v /= 1 + std::exp(-gate);
    }
    std::vector<bool> taken(scores.size(), false);
    for (const size_t e : order) {
      double weight = 1;
      if (moe.router.weight == ExpertWeight::survivors) {
        double sum = 0;
        for (size_t other = 0; other < scores.size(); ++other)
          if (!taken[other] && !(scores[e] - scores[other] >
                                 2 * moe.router.jitter * std::max(std::abs(scores[other]), scores[e])))
            sum += std::exp(scores[other] - scores[e]);
        weight = 1 / sum;
        taken[e] = true;
      }
      if (moe.router.weight == ExpertWeight::score) weight = scores[e];
      if (moe.router.weight == ExpertWeight::renormalised) weight = total != 0 ? scores[e] / total : 0;
      if (moe.router.weight == ExpertWeight::one_plus)
        weight = 1 + scores[e] * floats(prefix_ + "mlp.gate.scale")[e];
      if (moe.router.weight == ExpertWeight::scaled)
        weight = scores[e] * floats(prefix_ + "mlp.gate.scale")[e];
      const bool indexed = moe.storage == ExpertStorage::indexed;
      add(y,
          indexed ? bank(prefix_ + "mlp.", x, moe.gated, false, moe.activation,
                         &model_.neurons_.at(fmt::format("{}mlp.expert_neurons.{}", prefix_, e)))
                  : bank(fmt::format("{}mlp.experts.{}.", prefix_, e), x, moe.gated, false, moe.activation),
          weight * moe.router.scale);
    }
    return y;
  }

  const NumericModel& model_;
  const ModelSpec& spec_;
  std::string prefix_;
  std::vector<int32_t> words_;  // routing ids
  size_t token_ = 0;            // of which feed_forward computes
};

std::vector<double> NumericModel::reference_logits(std::span<const int32_t> tokens) const {
  return Reference(*this).logits(tokens);
}

std::vector<int32_t> random_tokens(const ModelSpec& spec, int64_t count, Rng& rng) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(spec.vocabulary))));
  return tokens;
}

double relative_difference(std::span<const float> got, std::span<const double> want) {
  if (got.size() != want.size()) return INFINITY;
  double worst = 0, scale = 1;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(got[i] - want[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    scale = std::max(scale, std::abs(want[i]));
  }
  return worst / scale;
}

}  // namespace coppice::test
