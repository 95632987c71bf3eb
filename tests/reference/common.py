"""What the reference forward passes of all families share: weights by formula, and numpy in double precision.

Each family's script writes tests/data/families/<family>.json: config.json, the names and shapes of the tensors as
the family's files have them, token ids and the logits. The weights are not stored: tests/model/families_test.cpp makes
them by the same formula. Run all with `python3 tests/reference/make.py` (needs python3-numpy).
"""
import json
import pathlib

import numpy as np

MASK = (1 << 64) - 1


def weight(name, shape):
    """Element i: splitmix64 of (FNV-1a of the name + i steps), as a uniform number, rounded to float32."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & MASK
    count = int(np.prod(shape))
    values = np.empty(count)
    for i in range(count):
        z = (key + (i + 1) * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        values[i] = (z >> 11) * 2.0**-53 * 2 - 1
    if len(shape) == 1:
        values = 0.3 * values + (1 if name.endswith(".weight") else 0)
    else:
        values = 0.5 * values
    return values.astype(np.float32).astype(np.float64).reshape(shape)


class Weights:
    """Tensors by their name in the family's files, made when asked for."""

    def __init__(self):
        self.shapes = {}

    def __call__(self, name, *shape):
        self.shapes[name] = list(shape)
        return weight(name, shape)

    def linear(self, name, x, out, bias=False):
        y = x @ self(name + ".weight", out, x.shape[-1]).T
        return y + self(name + ".bias", out) if bias else y


def rms_norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def layer_norm(x, weight, bias, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + epsilon) * weight + bias


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def rotate(x, theta, width=None):
    """x [tokens, heads, dim]: of the first `width` elements, i turns with i + width/2 by position * theta^(-2i/width)."""
    width = width or x.shape[-1]
    half = width // 2
    out = x.copy()
    for t in range(x.shape[0]):
        for i in range(half):
            angle = t * theta ** (-2 * i / width)
            a, b = x[t, :, i], x[t, :, i + half]
            out[t, :, i] = a * np.cos(angle) - b * np.sin(angle)
            out[t, :, i + half] = a * np.sin(angle) + b * np.cos(angle)
    return out


def attention(q, k, v, window=None):
    """q [tokens, heads, dim], k and v [tokens, kv heads, dim] -> [tokens, heads * dim], causal."""
    tokens, heads, dim = q.shape
    group = heads // k.shape[1]
    out = np.zeros_like(q)
    for t in range(tokens):
        first = 0 if window is None else max(0, t - window + 1)
        for h in range(heads):
            keys, values = k[first : t + 1, h // group], v[first : t + 1, h // group]
            out[t, h] = softmax(keys @ q[t, h] / np.sqrt(dim)) @ values
    return out.reshape(tokens, heads * dim)


def swiglu(w, name, x, width):
    hidden = silu(w.linear(name + ".gate_proj", x, width)) * w.linear(name + ".up_proj", x, width)
    return w.linear(name + ".down_proj", hidden, x.shape[-1])


def experts(w, name, x, count, width, top_k, renormalise):
    """Softmax over all experts, the best top_k, weights as they are or divided by their sum."""
    scores = softmax(w.linear(name + ".gate", x, count))
    outputs = [swiglu(w, f"{name}.experts.{e}", x, width) for e in range(count)]
    y = np.zeros_like(x)
    for t in range(x.shape[0]):
        best = np.argsort(-scores[t])[:top_k]
        total = scores[t, best].sum() if renormalise else 1
        for e in best:
            y[t] += scores[t, e] / total * outputs[e][t]
    return y


def head(w, x, config):
    if config.get("tie_word_embeddings"):
        return x @ w("model.embed_tokens.weight", config["vocab_size"], config["hidden_size"]).T
    return w.linear("lm_head", x, config["vocab_size"])


TOKENS = [3, 17, 5, 22, 30, 2, 11, 17, 0, 9]


def rows_of(matrix):
    return [[round(v, 9) for v in row] for row in matrix.tolist()]


def store(config, content, name=None):
    path = pathlib.Path(__file__).parent.parent / "data" / "families" / ((name or config["model_type"]) + ".json")
    path.write_text(json.dumps(content).replace("], ", "],\n") + "\n")


def write(config, forward, name=None):
    w = Weights()
    logits = forward(w, config, TOKENS)
    store(config, {"config": config, "tensors": w.shapes, "tokens": TOKENS, "logits": rows_of(logits)}, name)


def write_encoder(config, forward):
    w = Weights()
    hidden, logits, pooled = forward(w, config, TOKENS)
    content = {"config": config, "tensors": w.shapes, "tokens": TOKENS, "logits": rows_of(logits)}
    content["hidden_states"] = rows_of(hidden)
    if pooled is not None:
        content["pooled"] = [round(v, 9) for v in pooled.tolist()]
    store(config, content)


def write_classifier(config, forward, texts, name):
    w = Weights()
    logits = forward(w, config, TOKENS, texts)
    content = {"config": config, "tensors": w.shapes, "tokens": TOKENS, "logits": rows_of(logits)}
    if texts is not None:
        content["texts"] = texts
    store(config, content, name)
