"""LFM2 and LFM2-MoE: gated short convolutions beside grouped-query attention with normed heads.

Written from the LFM2 technical report (Liquid AI, 2025) and the keys of config.json.
"""
from common import *


def short_conv(w, name, x, c):
    width, taps, bias = c["hidden_size"], c["conv_L_cache"], c["conv_bias"]
    b, gate, u = np.split(w.linear(name + ".in_proj", x, 3 * width, bias), 3, axis=-1)
    kernel = w(name + ".conv.weight", width, 1, taps)[:, 0, :]
    inputs = np.concatenate([np.zeros((taps - 1, width)), b * u])
    mixed = np.stack([(kernel.T * inputs[t : t + taps]).sum(0) for t in range(len(x))])
    if bias:
        mixed = mixed + w(name + ".conv.bias", width)
    return w.linear(name + ".out_proj", gate * mixed, width, bias)


def attend(w, name, x, c):
    heads, kv_heads, eps = c["num_attention_heads"], c["num_key_value_heads"], c["norm_eps"]
    dim = c["hidden_size"] // heads
    q, k, v = (
        w.linear(f"{name}.{part}_proj", x, count * dim).reshape(len(x), count, dim)
        for part, count in (("q", heads), ("k", kv_heads), ("v", kv_heads))
    )
    q = rms_norm(q, w(name + ".q_layernorm.weight", dim), eps)
    k = rms_norm(k, w(name + ".k_layernorm.weight", dim), eps)
    mixed = attention(rotate(q, c["rope_theta"]), rotate(k, c["rope_theta"]), v)
    return w.linear(name + ".out_proj", mixed, c["hidden_size"])


def feed(w, name, x, width):
    hidden = silu(w.linear(name + ".w1", x, width)) * w.linear(name + ".w3", x, width)
    return w.linear(name + ".w2", hidden, x.shape[-1])


def ffn_width(c):
    width = c.get("block_ff_dim", c.get("intermediate_size"))
    if c.get("block_auto_adjust_ff_dim", True):
        width = int(c["block_ffn_dim_multiplier"] * int(2 * width / 3))
        width = -(-width // c["block_multiple_of"]) * c["block_multiple_of"]
    return width


def dense(w, name, x, c, layer):
    return feed(w, name, x, ffn_width(c))


def sparse(w, name, x, c, layer):
    """Experts are chosen by sigmoid + bias and weighted by the sigmoid alone."""
    if layer < c["num_dense_layers"]:
        return feed(w, name, x, c["intermediate_size"])
    count, top_k = c["num_experts"], c["num_experts_per_tok"]
    scores = sigmoid(w.linear(name + ".gate", x, count))
    bias = w(name + ".expert_bias", count)
    outputs = [feed(w, f"{name}.experts.{e}", x, c["moe_intermediate_size"]) for e in range(count)]
    y = np.zeros_like(x)
    for t in range(len(x)):
        best = np.argsort(-(scores[t] + bias))[:top_k]
        total = scores[t, best].sum() + 1e-6 if c["norm_topk_prob"] else 1
        for e in best:
            y[t] += c["routed_scaling_factor"] * scores[t, e] / total * outputs[e][t]
    return y


def forward_with(feed_forward):
    def forward(w, c, tokens):
        width, eps = c["hidden_size"], c["norm_eps"]
        embedding = w("model.embed_tokens.weight", c["vocab_size"], width)
        x = embedding[tokens]
        for layer in range(c["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            attends = (
                c["layer_types"][layer] == "full_attention" if "layer_types" in c else layer in c["full_attn_idxs"]
            )
            y = rms_norm(x, w(name + ".operator_norm.weight", width), eps)
            x = x + (attend(w, name + ".self_attn", y, c) if attends else short_conv(w, name + ".conv", y, c))
            y = rms_norm(x, w(name + ".ffn_norm.weight", width), eps)
            x = x + feed_forward(w, name + ".feed_forward", y, c, layer)
        return rms_norm(x, w("model.embedding_norm.weight", width), eps) @ embedding.T

    return forward


def sizes(model_type, **more):
    return {
        "model_type": model_type,
        "vocab_size": 31,
        "hidden_size": 16,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "norm_eps": 1e-5,
        "rope_theta": 1000.0,
        **more,
    }


def make():
    # The keys of the first release: two thirds of 33 times 1.2, rounded up to a multiple of 8, are 32.
    write(
        sizes(
            "lfm2",
            block_dim=16,
            block_ff_dim=33,
            block_auto_adjust_ff_dim=True,
            block_ffn_dim_multiplier=1.2,
            block_multiple_of=8,
            block_use_swiglu=True,
            conv_L_cache=3,
            conv_bias=True,
            conv_dim=16,
            full_attn_idxs=[1, 3],
            num_heads=4,
            tie_embedding=True,
        ),
        forward_with(dense),
    )
    write(
        sizes(
            "lfm2_moe",
            conv_L_cache=4,
            conv_bias=False,
            intermediate_size=20,
            layer_types=["conv", "conv", "full_attention", "conv"],
            moe_intermediate_size=6,
            norm_topk_prob=True,
            num_dense_layers=1,
            num_experts=5,
            num_experts_per_tok=2,
            routed_scaling_factor=1.5,
            use_expert_bias=True,
        ),
        forward_with(sparse),
    )
