"""OLMo 2: the norms stand behind attention and FFN, before the residual sum; RMSNorm over the whole query and key
projections. From "2 OLMo 2 Furious" (2024), section on reordered norm and QK-norm."""
from common import *
from llama_shaped import block_attention, sizes


def forward(w, c, tokens):
    width, eps = c["hidden_size"], c["rms_norm_eps"]
    x = w("model.embed_tokens.weight", c["vocab_size"], width)[tokens]
    for layer in range(c["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        y = block_attention(w, name + ".self_attn", x, c, layer, norm="projection")
        x = x + rms_norm(y, w(name + ".post_attention_layernorm.weight", width), eps)
        y = swiglu(w, name + ".mlp", x, c["intermediate_size"])
        x = x + rms_norm(y, w(name + ".post_feedforward_layernorm.weight", width), eps)
    return head(w, rms_norm(x, w("model.norm.weight", width), eps), c)


def make():
    write(sizes("olmo2"), forward)
