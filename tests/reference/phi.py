"""Phi-2: attention and FFN read one LayerNorm and are added to the residual together; the first part of each head
turns; everything has biases, the output head too. From the Phi technical reports (2023) and config.json."""
from common import *

CONFIG = {
    "model_type": "phi",
    "vocab_size": 31,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 3,
    "hidden_act": "gelu_new",
    "max_position_embeddings": 64,
    "layer_norm_eps": 1e-5,
    "partial_rotary_factor": 0.5,
    "rope_theta": 1000.0,
    "tie_word_embeddings": False,
    "qk_layernorm": False,
}


def forward(w, c, tokens):
    width, heads = c["hidden_size"], c["num_attention_heads"]
    dim = width // heads

    def norm(name, x):
        return layer_norm(x, w(name + ".weight", width), w(name + ".bias", width), c["layer_norm_eps"])

    x = w("model.embed_tokens.weight", c["vocab_size"], width)[tokens]
    for layer in range(c["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        n = norm(name + ".input_layernorm", x)
        q, k, v = (w.linear(f"{name}.self_attn.{p}_proj", n, width, True).reshape(len(x), heads, dim) for p in "qkv")
        turned = int(c["partial_rotary_factor"] * dim)
        mixed = attention(rotate(q, c["rope_theta"], turned), rotate(k, c["rope_theta"], turned), v)
        hidden = gelu_tanh(w.linear(name + ".mlp.fc1", n, c["intermediate_size"], True))
        x = x + w.linear(name + ".self_attn.dense", mixed, width, True) + w.linear(name + ".mlp.fc2", hidden, width, True)
    return w.linear("lm_head", norm("model.final_layernorm", x), c["vocab_size"], True)


def make():
    write(CONFIG, forward)
