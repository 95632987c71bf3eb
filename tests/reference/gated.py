"""Gated attention (Qiu et al. 2025) as its checkpoints hold it: Qwen 3 whose query projection has, behind the queries of
each key head, the rows of their gates, one per head or one per element."""
from common import *
from llama_shaped import dense, forward_with, sizes


def gated_attention(w, name, x, c, layer):
    heads, kv_heads, dim, eps = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], c["rms_norm_eps"]
    group, width = heads // kv_heads, c["head_dim"] if c["elementwise_attn_output_gate"] else 1
    both = w.linear(name + ".q_proj", x, heads * (dim + width)).reshape(len(x), kv_heads, group * (dim + width))
    q = both[:, :, : group * dim].reshape(len(x), heads, dim)
    gates = sigmoid(both[:, :, group * dim :].reshape(len(x), heads, width))
    k = w.linear(name + ".k_proj", x, kv_heads * dim).reshape(len(x), kv_heads, dim)
    v = w.linear(name + ".v_proj", x, kv_heads * dim).reshape(len(x), kv_heads, dim)
    if c["use_qk_norm"]:
        q = rms_norm(q, w(name + ".q_norm.weight", dim), eps)
        k = rms_norm(k, w(name + ".k_norm.weight", dim), eps)
    mixed = attention(rotate(q, c["rope_theta"]), rotate(k, c["rope_theta"]), v).reshape(len(x), heads, dim)
    return w.linear(name + ".o_proj", (mixed * gates).reshape(len(x), heads * dim), c["hidden_size"])


def make():
    for element in (False, True):
        config = sizes(
            "qwen3",
            head_dim=6,
            attention_bias=False,
            qkv_bias=False,
            use_qk_norm=element,
            headwise_attn_output_gate=not element,
            elementwise_attn_output_gate=element,
        )
        write(config, forward_with(gated_attention, dense), "qwen3_gated_" + ("element" if element else "head"))
