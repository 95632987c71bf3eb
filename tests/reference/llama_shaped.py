"""Mistral, Qwen 2, Qwen 3, Qwen2-MoE, Qwen3-MoE and OLMoE: pre-norm blocks with rotary attention.

Written from the families' technical reports and config.json keys: Mistral 7B (2023), Qwen2 (2024), Qwen3 (2025),
OLMoE (2024).
"""
from common import *


def sizes(model_type, **more):
    return {
        "model_type": model_type,
        "vocab_size": 31,
        "hidden_size": 16,
        "intermediate_size": 20,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1000.0,
        "tie_word_embeddings": False,
        **more,
    }


def block_attention(w, name, x, c, layer, qkv_bias=False, norm=None):
    heads, kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
    dim = c.get("head_dim", c["hidden_size"] // heads)
    eps = c["rms_norm_eps"]
    q = w.linear(name + ".q_proj", x, heads * dim, qkv_bias)
    k = w.linear(name + ".k_proj", x, kv_heads * dim, qkv_bias)
    v = w.linear(name + ".v_proj", x, kv_heads * dim, qkv_bias)
    if norm == "projection":
        q = rms_norm(q, w(name + ".q_norm.weight", heads * dim), eps)
        k = rms_norm(k, w(name + ".k_norm.weight", kv_heads * dim), eps)
    q, k, v = (z.reshape(len(x), -1, dim) for z in (q, k, v))
    if norm == "head":
        q = rms_norm(q, w(name + ".q_norm.weight", dim), eps)
        k = rms_norm(k, w(name + ".k_norm.weight", dim), eps)
    window = c.get("sliding_window")
    if "use_sliding_window" in c and not (c["use_sliding_window"] and layer >= c["max_window_layers"]):
        window = None
    mixed = attention(rotate(q, c["rope_theta"]), rotate(k, c["rope_theta"]), v, window)
    return w.linear(name + ".o_proj", mixed, c["hidden_size"])


def forward_with(attend, feed):
    def forward(w, c, tokens):
        width, eps = c["hidden_size"], c["rms_norm_eps"]
        x = w("model.embed_tokens.weight", c["vocab_size"], width)[tokens]
        for layer in range(c["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            x = x + attend(w, name + ".self_attn", rms_norm(x, w(name + ".input_layernorm.weight", width), eps), c, layer)
            x = x + feed(w, name + ".mlp", rms_norm(x, w(name + ".post_attention_layernorm.weight", width), eps), c, layer)
        return head(w, rms_norm(x, w("model.norm.weight", width), eps), c)

    return forward


def dense(w, name, x, c, layer):
    return swiglu(w, name, x, c["intermediate_size"])


def is_dense(c, layer):
    return layer in c["mlp_only_layers"] or (layer + 1) % c["decoder_sparse_step"] != 0


def sparse(w, name, x, c, layer):
    if is_dense(c, layer):
        return dense(w, name, x, c, layer)
    y = experts(w, name, x, c["num_experts"], c["moe_intermediate_size"], c["num_experts_per_tok"], c["norm_topk_prob"])
    if "shared_expert_intermediate_size" not in c:
        return y
    shared = swiglu(w, name + ".shared_expert", x, c["shared_expert_intermediate_size"])
    return y + sigmoid(w.linear(name + ".shared_expert_gate", x, 1)) * shared


def olmoe_experts(w, name, x, c, layer):
    return experts(w, name, x, c["num_experts"], c["intermediate_size"], c["num_experts_per_tok"], c["norm_topk_prob"])


def attend_with(**options):
    return lambda w, name, x, c, layer: block_attention(w, name, x, c, layer, **options)


MOE = {
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 6,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [1],
}


def make():
    write(sizes("mistral", sliding_window=4), forward_with(attend_with(), dense))
    write(
        sizes("qwen2", use_sliding_window=True, sliding_window=3, max_window_layers=2, tie_word_embeddings=True),
        forward_with(attend_with(qkv_bias=True), dense),
    )
    write(sizes("qwen3", head_dim=6, attention_bias=False), forward_with(attend_with(norm="head"), dense))
    write(
        sizes("qwen2_moe", **MOE, shared_expert_intermediate_size=9, norm_topk_prob=False),
        forward_with(attend_with(qkv_bias=True), sparse),
    )
    write(
        sizes("qwen3_moe", **{**MOE, "mlp_only_layers": [], "decoder_sparse_step": 2}, head_dim=6, norm_topk_prob=True),
        forward_with(attend_with(norm="head"), sparse),
    )
    write(
        sizes("olmoe", num_experts=6, num_experts_per_tok=3, norm_topk_prob=False),
        forward_with(attend_with(norm="projection"), olmoe_experts),
    )
