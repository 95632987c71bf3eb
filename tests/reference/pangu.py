"""Pangu Pro MoE (Tang et al. 2025): one expert of each group, weighted by softmax score times a learned number. Pangu Ultra
(Yin et al. 2025) and openPangu Ultra MoE: norms before and behind each sublayer, latent attention, sigmoid scores. From
the reports and the keys and tensor names of the published configurations."""
from common import *
from deepseek import fine_experts, latent_attention
from llama_shaped import forward_with, sizes


def biased_attention(w, name, x, c, layer):
    heads, kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
    dim = c["hidden_size"] // heads
    q = w.linear(name + ".q_proj", x, heads * dim, True).reshape(len(x), heads, dim)
    k = w.linear(name + ".k_proj", x, kv_heads * dim, True).reshape(len(x), kv_heads, dim)
    v = w.linear(name + ".v_proj", x, kv_heads * dim, True).reshape(len(x), kv_heads, dim)
    mixed = attention(rotate(q, c["rope_theta"]), rotate(k, c["rope_theta"]), v)
    return w.linear(name + ".o_proj", mixed, c["hidden_size"], True)


def grouped_experts(w, name, x, c, layer):
    if layer in c["mlp_only_layers"]:
        return swiglu(w, name, x, c["intermediate_size"])
    count, groups = c["num_experts"], c["num_experts_per_tok"]
    scores = softmax(w.linear(name + ".gate", x, count)).reshape(len(x), groups, -1)
    scale = w(name + ".router_scale", 1, count).reshape(groups, -1)
    outputs = np.stack([swiglu(w, f"{name}.experts.{e}", x, c["moe_intermediate_size"]) for e in range(count)])
    outputs = outputs.reshape(groups, -1, *x.shape)
    y = swiglu(w, name + ".shared_expert", x, c["shared_expert_intermediate_size"])
    for t in range(len(x)):
        for g in range(groups):
            e = scores[t, g].argmax()
            y[t] += scores[t, g, e] * scale[g, e] * outputs[g, e, t]
    return y


def sandwich(w, c, tokens):
    width, eps = c["hidden_size"], c["rms_norm_eps"]
    names = {
        "kv_lora_rank": c["attention_kv_lora_dim"],
        "q_lora_rank": c["attention_q_lora_dim"],
        "qk_nope_head_dim": c["attention_qk_dim"],
        "qk_rope_head_dim": c["attention_qk_rope_dim"],
        "v_head_dim": c["attention_v_dim"],
        "n_routed_experts": c["num_routed_experts"],
        "n_shared_experts": c["num_shared_experts"],
        "attention_bias": False,
        "rope_scaling": None,
    }
    x = w("model.embed_tokens.weight", c["vocab_size"], width)[tokens]
    for layer in range(c["num_hidden_layers"]):
        name = f"model.layers.{layer}"

        def norm(part, y):
            return rms_norm(y, w(f"{name}.{part}.weight", width), eps)

        y = latent_attention(w, name + ".self_attn", norm("input_layernorm", x), {**c, **names}, False, eps)
        x = x + norm("post_attention_layernorm", y)
        n = norm("pre_mlp_layernorm", x)
        if layer < c["num_dense_layers"]:
            y = swiglu(w, name + ".mlp", n, c["intermediate_size"])
        else:
            y = fine_experts(w, name + ".mlp", n, {**c, **names}, sigmoid_scores=True)
        x = x + norm("post_mlp_layernorm", y)
    return head(w, rms_norm(x, w("model.norm.weight", width), eps), c)


def make():
    write(
        sizes(
            "PanguProMoE",
            num_experts=6,
            num_experts_per_tok=3,
            moe_intermediate_size=5,
            shared_expert_intermediate_size=8,
            mlp_only_layers=[1],
        ),
        forward_with(biased_attention, grouped_experts),
    )
    config = sizes(
        "pangu_ultra_moe",
        num_routed_experts=5,
        num_shared_experts=1,
        num_experts_per_tok=2,
        moe_intermediate_size=6,
        routed_scaling_factor=2.5,
        norm_topk_prob=True,
        num_dense_layers=1,
        attention_q_lora_dim=9,
        attention_kv_lora_dim=7,
        attention_qk_dim=6,
        attention_qk_rope_dim=4,
        attention_v_dim=5,
        sandwich_norm=True,
    )
    config["num_key_value_heads"] = 4
    write(config, sandwich)
