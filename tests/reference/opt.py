"""OPT: learned positions whose table begins with two unused rows, pre-norm, ReLU. From Zhang et al. (2022) and the
layout of the published checkpoints."""
from common import *

CONFIG = {
    "model_type": "opt",
    "vocab_size": 31,
    "hidden_size": 24,
    "word_embed_proj_dim": 24,
    "ffn_dim": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "activation_function": "relu",
    "max_position_embeddings": 16,
    "do_layer_norm_before": True,
}


def forward(w, c, tokens):
    width, heads = c["hidden_size"], c["num_attention_heads"]

    def norm(name, x):
        return layer_norm(x, w(name + ".weight", width), w(name + ".bias", width), 1e-5)

    embedding = w("model.decoder.embed_tokens.weight", c["vocab_size"], width)
    places = w("model.decoder.embed_positions.weight", c["max_position_embeddings"] + 2, width)
    x = embedding[tokens] + places[2 : 2 + len(tokens)]
    for layer in range(c["num_hidden_layers"]):
        name = f"model.decoder.layers.{layer}"
        n = norm(name + ".self_attn_layer_norm", x)
        q, k, v = (w.linear(f"{name}.self_attn.{p}_proj", n, width, True).reshape(len(x), heads, -1) for p in "qkv")
        x = x + w.linear(name + ".self_attn.out_proj", attention(q, k, v), width, True)
        hidden = np.maximum(w.linear(name + ".fc1", norm(name + ".final_layer_norm", x), c["ffn_dim"], True), 0)
        x = x + w.linear(name + ".fc2", hidden, width, True)
    return norm("model.decoder.final_layer_norm", x) @ embedding.T


def make():
    write(CONFIG, forward)
