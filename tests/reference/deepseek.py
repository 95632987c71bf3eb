"""DeepSeekMoE, DeepSeek-V2 and DeepSeek-V3. From Dai et al. (2024), the technical reports of V2 and V3, Peng et al. (2023)
for YaRN, and the keys of the published config.json.

Attention is computed as it is defined, with the keys and values of every head written out."""
import math

from common import *
from llama_shaped import attend_with, forward_with, sizes


def magnitude(factor, scale):
    return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0


class Rotation:
    """Angles of `width` elements, and what YaRN makes of cosines, sines and scores."""

    def __init__(self, theta, width, scaling=None):
        self.frequencies = [theta ** (-2 * i / width) for i in range(width // 2)]
        self.amplitude = self.score_scale = 1.0
        if scaling is None:
            return
        assert scaling["type"] == "yarn"
        factor, context = scaling["factor"], scaling["original_max_position_embeddings"]
        # The plane that turns so many times within the original context.
        def plane(turns):
            return width * math.log(context / (2 * math.pi * turns)) / (2 * math.log(theta))

        low = max(math.floor(plane(scaling["beta_fast"])), 0)
        high = min(math.ceil(plane(scaling["beta_slow"])), width - 1)
        for i in range(width // 2):
            stretched = min(max((i - low) / max(high - low, 0.001), 0.0), 1.0)
            self.frequencies[i] *= 1 - stretched + stretched / factor
        all_dim = magnitude(factor, scaling["mscale_all_dim"])
        self.amplitude = magnitude(factor, scaling["mscale"]) / all_dim
        self.score_scale = all_dim**2

    def turn(self, x, interleaved):
        """x [tokens, heads, width]."""
        out = np.empty_like(x)
        half = len(self.frequencies)
        for t in range(len(x)):
            for i, frequency in enumerate(self.frequencies):
                p, q = (2 * i, 2 * i + 1) if interleaved else (i, i + half)
                cosine, sine = np.cos(t * frequency), np.sin(t * frequency)
                out[t, :, p] = self.amplitude * (x[t, :, p] * cosine - x[t, :, q] * sine)
                out[t, :, q] = self.amplitude * (x[t, :, p] * sine + x[t, :, q] * cosine)
        return out


def latent_attention(w, name, x, c, interleaved, epsilon):
    heads, rank = c["num_attention_heads"], c["kv_lora_rank"]
    plain, rotary, value = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
    bias, tokens = c["attention_bias"], len(x)
    rotation = Rotation(c["rope_theta"], rotary, c.get("rope_scaling"))
    if c["q_lora_rank"] is None:
        q = w.linear(name + ".q_proj", x, heads * (plain + rotary))
    else:
        q = w.linear(name + ".q_a_proj", x, c["q_lora_rank"], bias)
        q = rms_norm(q, w(name + ".q_a_layernorm.weight", c["q_lora_rank"]), epsilon)
        q = w.linear(name + ".q_b_proj", q, heads * (plain + rotary))
    q = q.reshape(tokens, heads, plain + rotary)
    both = w.linear(name + ".kv_a_proj_with_mqa", x, rank + rotary, bias)
    latent = rms_norm(both[:, :rank], w(name + ".kv_a_layernorm.weight", rank), epsilon)
    kv = w.linear(name + ".kv_b_proj", latent, heads * (plain + value)).reshape(tokens, heads, plain + value)
    key = rotation.turn(both[:, None, rank:], interleaved)
    query = rotation.turn(q[:, :, plain:], interleaved)
    out = np.empty((tokens, heads, value))
    for h in range(heads):
        for t in range(tokens):
            scores = kv[: t + 1, h, :plain] @ q[t, h, :plain] + key[: t + 1, 0] @ query[t, h]
            scores = scores * rotation.score_scale / math.sqrt(plain + rotary)
            out[t, h] = softmax(scores) @ kv[: t + 1, h, plain:]
    return w.linear(name + ".o_proj", out.reshape(tokens, heads * value), c["hidden_size"], bias)


def best(values, count):
    return np.argsort(-np.asarray(values), kind="stable")[:count]


def choose(keys, c, group_worth):
    """The experts of one token, from the groups that are worth most."""
    if group_worth is None:
        return best(keys, c["num_experts_per_tok"])
    groups = np.split(np.arange(len(keys)), c["n_group"])
    kept = best([group_worth(keys[g]) for g in groups], c["topk_group"])
    candidates = np.concatenate([groups[g] for g in sorted(kept)])
    return candidates[best(keys[candidates], c["num_experts_per_tok"])]


def fine_experts(w, name, x, c, sigmoid_scores=False, bias=False, group_worth=None):
    count, width = c["n_routed_experts"], c["moe_intermediate_size"]
    logits = w.linear(name + ".gate", x, count)
    scores = sigmoid(logits) if sigmoid_scores else softmax(logits)
    keys = scores + w(name + ".gate.e_score_correction_bias", count) if bias else scores
    outputs = [swiglu(w, f"{name}.experts.{e}", x, width) for e in range(count)]
    y = swiglu(w, name + ".shared_experts", x, width * c["n_shared_experts"])
    for t in range(len(x)):
        chosen = choose(keys[t], c, group_worth)
        total = scores[t, chosen].sum() if c["norm_topk_prob"] else 1.0
        for e in chosen:
            y[t] += c.get("routed_scaling_factor", 1.0) * scores[t, e] / total * outputs[e][t]
    return y


def feed_with(**options):
    def feed(w, name, x, c, layer):
        if layer < c["first_k_dense_replace"] or layer % c["moe_layer_freq"] != 0:
            return swiglu(w, name, x, c["intermediate_size"])
        return fine_experts(w, name, x, c, **options)

    return feed


EXPERTS = {
    "n_routed_experts": 6,
    "n_shared_experts": 2,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 5,
    "norm_topk_prob": False,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
}

LATENT = {
    "num_key_value_heads": 4,
    "attention_bias": False,
    "q_lora_rank": None,
    "kv_lora_rank": 7,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 8,
    "v_head_dim": 5,
    "rope_scaling": {
        "type": "yarn",
        "factor": 40,
        "original_max_position_embeddings": 64,
        "beta_fast": 4,
        "beta_slow": 1,
        "mscale": 1.0,
        "mscale_all_dim": 0.707,
    },
}


def make():
    write(
        sizes("deepseek", **{**EXPERTS, "moe_layer_freq": 2, "num_hidden_layers": 4}, scoring_func="softmax"),
        forward_with(attend_with(), feed_with()),
    )
    attend = lambda w, name, x, c, layer: latent_attention(w, name, x, c, interleaved=True, epsilon=1e-6)
    groups = {"n_group": 3, "topk_group": 2}
    write(
        sizes(
            "deepseek_v2",
            **{**LATENT, **EXPERTS, **groups},
            routed_scaling_factor=1.5,
            scoring_func="softmax",
            topk_method="group_limited_greedy",
        ),
        forward_with(attend, feed_with(group_worth=np.max)),
    )
    write(
        sizes(
            "deepseek_v3",
            **{**LATENT, **EXPERTS, **groups, "q_lora_rank": 9, "attention_bias": True, "norm_topk_prob": True},
            routed_scaling_factor=2.5,
            scoring_func="sigmoid",
            topk_method="noaux_tc",
            rope_interleave=True,
        ),
        forward_with(
            attend, feed_with(sigmoid_scores=True, bias=True, group_worth=lambda k: np.sort(k)[-2:].sum())
        ),
    )
