"""Phi-3.5-MoE and GRIN: LayerNorm, LongRoPE, and SparseMixer's two experts, one after the other. From Liu et al. (2024),
Abdin et al. (2024), Ding et al. (2024) for LongRoPE, and the keys of the published config.json."""
from common import *
from llama_shaped import sizes


def turn(x, c):
    """Frequencies divided by the short factors; cosines and sines times short_mscale."""
    scaling, half = c["rope_scaling"], x.shape[-1] // 2
    factors, scale = (scaling["short_factor"], scaling["short_mscale"]) if scaling else ([1.0] * half, 1.0)
    out = np.empty_like(x)
    for t in range(len(x)):
        for i in range(half):
            angle = t * c["rope_theta"] ** (-i / half) / factors[i]
            a, b, cosine, sine = x[t, :, i], x[t, :, i + half], scale * np.cos(angle), scale * np.sin(angle)
            out[t, :, i], out[t, :, i + half] = a * cosine - b * sine, a * sine + b * cosine
    return out


def block_attention(w, name, x, c):
    heads, kv_heads, bias = c["num_attention_heads"], c["num_key_value_heads"], c["attention_bias"]
    dim = c["hidden_size"] // heads
    q = w.linear(name + ".q_proj", x, heads * dim, bias).reshape(len(x), heads, dim)
    k = w.linear(name + ".k_proj", x, kv_heads * dim, bias).reshape(len(x), kv_heads, dim)
    v = w.linear(name + ".v_proj", x, kv_heads * dim, bias).reshape(len(x), kv_heads, dim)
    return w.linear(name + ".o_proj", attention(turn(q, c), turn(k, c), v), c["hidden_size"], bias)


def sparse_mixer(scores, jitter):
    """(expert, weight) of two experts; the second is chosen as if the first were not there."""
    chosen, left = [], scores.copy()
    for _ in range(2):
        best = int(np.argmax(left))
        top = left[best]
        with np.errstate(invalid="ignore"):
            far = (top - left) / np.maximum(np.abs(scores), top) > 2 * jitter
        survivors = np.where(far | np.isneginf(left), -np.inf, left)
        chosen.append((best, softmax(survivors)[best]))
        left[best] = -np.inf
    return chosen


def feed(w, name, x, c):
    count, width = c["num_local_experts"], c["intermediate_size"]
    scores = w.linear(name + ".gate", x, count)
    outputs = []
    for e in range(count):
        expert = f"{name}.experts.{e}"
        hidden = silu(w.linear(expert + ".w1", x, width)) * w.linear(expert + ".w3", x, width)
        outputs.append(w.linear(expert + ".w2", hidden, c["hidden_size"]))
    y = np.zeros_like(x)
    for t in range(len(x)):
        for e, weight in sparse_mixer(scores[t], c["router_jitter_noise"]):
            y[t] += weight * outputs[e][t]
    return y


def forward(w, c, tokens):
    width, eps = c["hidden_size"], c["rms_norm_eps"]

    def norm(name, x):
        return layer_norm(x, w(name + ".weight", width), w(name + ".bias", width), eps)

    x = w("model.embed_tokens.weight", c["vocab_size"], width)[tokens]
    for layer in range(c["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        x = x + block_attention(w, name + ".self_attn", norm(name + ".input_layernorm", x), c)
        x = x + feed(w, name + ".block_sparse_moe", norm(name + ".post_attention_layernorm", x), c)
    return w.linear("lm_head", norm("model.norm", x), c["vocab_size"], c["lm_head_bias"])


def make():
    both = {"num_local_experts": 5, "num_experts_per_tok": 2, "attention_bias": True, "lm_head_bias": True}
    longrope = {
        "type": "longrope",
        "original_max_position_embeddings": 64,
        "short_factor": [1.0, 1.3],
        "long_factor": [1.5, 4.0],
        "short_mscale": 1.243163121016122,
        "long_mscale": 1.243163121016122,
    }
    # A jitter at which often more than one expert survives.
    write(sizes("phimoe", **both, router_jitter_noise=0.3, rope_scaling=longrope), forward)
    write(sizes("grinmoe", **both, router_jitter_noise=0.01, rope_scaling=None), forward)
