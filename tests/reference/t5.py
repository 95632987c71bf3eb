"""T5 1.0 (tied head, ReLU), mT5 (own head, gated GELU: as T5 1.1) and umT5 (a table of biases in every block). From
Raffel et al. (2020), Xue et al. (2021), Chung et al. (2023) and the layout of the published checkpoints."""
import math

from common import *

T5 = {
    "model_type": "t5",
    "vocab_size": 31,
    "d_model": 24,
    "d_kv": 6,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 6,
    "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "relu",
    "is_encoder_decoder": True,
    "tie_word_embeddings": True,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}
MT5 = T5 | {"model_type": "mt5", "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
UMT5 = MT5 | {"model_type": "umt5"}

SOURCE = [4, 19, 7, 7, 28, 3, 12, 30, 15, 6, 21, 1]


def bucket(offset, both_ways, buckets, max_distance):
    """Of a key `offset` behind its query: single distances, then logarithmic steps up to max_distance."""
    first = 0
    if both_ways:
        buckets //= 2
        first = buckets if offset > 0 else 0
        distance = abs(offset)
    else:
        distance = max(0, -offset)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    step = math.log(distance / exact) / math.log(max_distance / exact) * (buckets - exact)
    return first + min(buckets - 1, exact + int(step + 1e-9))


def forward(w, c, tokens):
    width, heads, dim = c["d_model"], c["num_heads"], c["d_kv"]
    every_block = c["model_type"] == "umt5"

    def norm(name, x):
        return rms_norm(x, w(name + ".weight", width), c["layer_norm_epsilon"])

    def biases(name, length, both_ways):
        """[head, query, key]"""
        table = w(name + ".relative_attention_bias.weight", c["relative_attention_num_buckets"], heads)
        rows = [
            [bucket(k - q, both_ways, c["relative_attention_num_buckets"], c["relative_attention_max_distance"])
             for k in range(length)]
            for q in range(length)
        ]
        return np.transpose(table[np.array(rows)], (2, 0, 1))

    def attend(name, x, y, bias, causal):
        q = w.linear(name + ".q", x, heads * dim).reshape(len(x), heads, dim)
        k = w.linear(name + ".k", y, heads * dim).reshape(len(y), heads, dim)
        v = w.linear(name + ".v", y, heads * dim).reshape(len(y), heads, dim)
        out = np.zeros_like(q)
        for t in range(len(x)):
            seen = t + 1 if causal else len(y)
            for h in range(heads):
                scores = k[:seen, h] @ q[t, h] + (0 if bias is None else bias[h, t, :seen])
                out[t, h] = softmax(scores) @ v[:seen, h]
        return w.linear(name + ".o", out.reshape(len(x), heads * dim), width)

    def feed_forward(name, x):
        if c["feed_forward_proj"] == "relu":
            hidden = np.maximum(w.linear(name + ".wi", x, c["d_ff"]), 0)
        else:
            hidden = gelu_tanh(w.linear(name + ".wi_0", x, c["d_ff"])) * w.linear(name + ".wi_1", x, c["d_ff"])
        return w.linear(name + ".wo", hidden, width)

    embedding = w("shared.weight", c["vocab_size"], width)

    states = embedding[SOURCE]
    for layer in range(c["num_layers"]):
        name = f"encoder.block.{layer}.layer"
        if layer == 0 or every_block:
            bias = biases(name + ".0.SelfAttention", len(states), True)
        n = norm(name + ".0.layer_norm", states)
        states = states + attend(name + ".0.SelfAttention", n, n, bias, False)
        states = states + feed_forward(name + ".1.DenseReluDense", norm(name + ".1.layer_norm", states))
    states = norm("encoder.final_layer_norm", states)

    x = embedding[tokens]
    for layer in range(c["num_decoder_layers"]):
        name = f"decoder.block.{layer}.layer"
        if layer == 0 or every_block:
            bias = biases(name + ".0.SelfAttention", len(x), False)
        n = norm(name + ".0.layer_norm", x)
        x = x + attend(name + ".0.SelfAttention", n, n, bias, True)
        x = x + attend(name + ".1.EncDecAttention", norm(name + ".1.layer_norm", x), states, None, False)
        x = x + feed_forward(name + ".2.DenseReluDense", norm(name + ".2.layer_norm", x))
    x = norm("decoder.final_layer_norm", x)
    if c["tie_word_embeddings"]:
        return states, x / math.sqrt(width) @ embedding.T
    return states, x @ w("lm_head.weight", c["vocab_size"], width).T


def make():
    for config in (T5, MT5, UMT5):
        w = Weights()
        states, logits = forward(w, config, TOKENS)
        store(config, {
            "config": config,
            "tensors": w.shapes,
            "source": SOURCE,
            "states": rows_of(states),
            "tokens": TOKENS,
            "logits": rows_of(logits),
        })
