"""GPT-2: learned positions, pre-norm, one (in, out) matrix for queries, keys and values. From Radford et al. (2019) and
the layout of the published checkpoints."""
from common import *

CONFIG = {
    "model_type": "gpt2",
    "vocab_size": 31,
    "n_positions": 16,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 3,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
}


def forward(w, c, tokens):
    width, heads = c["n_embd"], c["n_head"]

    def norm(name, x):
        return layer_norm(x, w(name + ".weight", width), w(name + ".bias", width), c["layer_norm_epsilon"])

    def conv1d(name, x, out):
        return x @ w(name + ".weight", x.shape[-1], out) + w(name + ".bias", out)

    embedding = w("wte.weight", c["vocab_size"], width)
    x = embedding[tokens] + w("wpe.weight", c["n_positions"], width)[: len(tokens)]
    for layer in range(c["n_layer"]):
        name = f"h.{layer}"
        qkv = conv1d(name + ".attn.c_attn", norm(name + ".ln_1", x), 3 * width)
        q, k, v = (z.reshape(len(x), heads, -1) for z in np.split(qkv, 3, axis=-1))
        x = x + conv1d(name + ".attn.c_proj", attention(q, k, v), width)
        hidden = gelu_tanh(conv1d(name + ".mlp.c_fc", norm(name + ".ln_2", x), 4 * width))
        x = x + conv1d(name + ".mlp.c_proj", hidden, width)
    return norm("ln_f", x) @ embedding.T


def make():
    write(CONFIG, forward)
