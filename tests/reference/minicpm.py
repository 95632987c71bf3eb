"""MiniCPM and BlockFFN. From Hu et al. (2024), Song et al. (2025) and the keys of the published config.json."""
import math

from common import *
from deepseek import latent_attention
from llama_shaped import block_attention, sizes


def block_ffn(w, name, x, c):
    count, size, width, eps = c["num_experts"], c["expert_size"], c["hidden_size"], c["rms_norm_eps"]
    r = np.maximum(w.linear(name + ".router_proj", x, count), 0)
    r = rms_norm(r, w(name + ".router_norm.weight", count), eps)
    up, down = w(name + ".up_proj", count, size, width), w(name + ".down_proj", count, width, size)
    return sum(r[:, e, None] * (silu(x @ up[e].T) @ down[e].T) for e in range(count))


def forward(w, c, tokens):
    width, eps, layers = c["hidden_size"], c["rms_norm_eps"], c["num_hidden_layers"]
    scale = c["scale_depth"] / math.sqrt(layers)
    block = c["ffn_type"] == "block"
    embedding = w("model.embed_tokens.weight", c["vocab_size"], width)
    x = embedding[tokens] * c["scale_emb"]
    for layer in range(layers):
        name = f"model.layers.{layer}"
        normed = rms_norm(x, w(name + ".input_layernorm.weight", width), eps)
        if block:
            mixed = latent_attention(w, name + ".self_attn", normed, c, interleaved=False, epsilon=1e-6)
        else:
            mixed = block_attention(w, name + ".self_attn", normed, c, layer)
        x = x + scale * mixed
        normed = rms_norm(x, w(name + ".post_attention_layernorm.weight", width), eps)
        fed = block_ffn(w, name + ".mlp", normed, c) if block else swiglu(w, name + ".mlp", normed, c["intermediate_size"])
        x = x + scale * fed
    x = rms_norm(x, w("model.norm.weight", width), eps) / (width / c["dim_model_base"])
    return x @ embedding.T if c["tie_word_embeddings"] else w.linear("lm_head", x, c["vocab_size"])


def make():
    scales = {"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 8, "rope_scaling": None}
    write(sizes("minicpm", **{**scales, "tie_word_embeddings": True}, ffn_type="vanilla"), forward)
    latent = {
        "attention_type": "mla",
        "num_key_value_heads": 4,
        "attention_bias": False,
        "q_lora_rank": 9,
        "kv_lora_rank": 7,
        "qk_nope_head_dim": 6,
        "qk_rope_head_dim": 8,
        "v_head_dim": 4,
    }
    experts = {
        "ffn_type": "block",
        "ffn_gated": True,
        "num_experts": 6,
        "expert_size": 5,
        "router_act": "relu",
        "norm_after_router": "rms",
        "norm_scale": 1.0,
        "block_implementation": "torch",
    }
    write(sizes("minicpm", **{**scales, **latent}, **experts), forward, "blockffn")
