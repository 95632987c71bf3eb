"""Text encoders: BERT (2018), RoBERTa (2019), XLM-R (2020), DistilBERT (2019) and ModernBERT (2024). From the papers, the
keys of config.json and the layout of the published checkpoints."""
import math

from common import *


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))


def sees_all(q, k, v, reach=None):
    """q, k, v [tokens, heads, dim] -> [tokens, heads * dim]: every token sees those at most `reach` away, or all."""
    tokens, heads, dim = q.shape
    out = np.zeros_like(q)
    for t in range(tokens):
        seen = [s for s in range(tokens) if reach is None or abs(s - t) <= reach]
        for h in range(heads):
            out[t, h] = softmax(k[seen, h] @ q[t, h] / np.sqrt(dim)) @ v[seen, h]
    return out.reshape(tokens, heads * dim)


def norm(w, name, x, epsilon, bias=True):
    width = x.shape[-1]
    return layer_norm(x, w(name + ".weight", width), w(name + ".bias", width) if bias else 0, epsilon)


def split(x, heads):
    return x.reshape(len(x), heads, -1)


BERT = {
    "model_type": "bert",
    "architectures": ["BertForPreTraining"],
    "vocab_size": 31,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "hidden_act": "gelu",
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "position_embedding_type": "absolute",
    "pad_token_id": 0,
}
ROBERTA = {
    **BERT,
    "architectures": ["RobertaForMaskedLM"],
    "model_type": "roberta",
    "type_vocab_size": 1,
    "max_position_embeddings": 18,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
DISTILBERT = {
    "model_type": "distilbert",
    "architectures": ["DistilBertForMaskedLM"],
    "vocab_size": 31,
    "dim": 24,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 40,
    "activation": "gelu",
    "max_position_embeddings": 16,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
}
MODERNBERT = {
    "model_type": "modernbert",
    "architectures": ["ModernBertForMaskedLM"],
    "vocab_size": 31,
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "hidden_activation": "gelu",
    "max_position_embeddings": 64,
    "norm_eps": 1e-5,
    "norm_bias": False,
    "attention_bias": False,
    "mlp_bias": False,
    "global_rope_theta": 160000.0,
    "local_rope_theta": 10000.0,
    "global_attn_every_n_layers": 3,
    "local_attention": 4,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "decoder_bias": True,
    "classifier_pooling": "mean",
}


def bert_body(prefix, w, c, tokens, texts):
    width, heads, eps = c["hidden_size"], c["num_attention_heads"], c["layer_norm_eps"]
    first = 0 if c["model_type"] == "bert" else c["pad_token_id"] + 1
    name = prefix + "embeddings"
    embedding = w(name + ".word_embeddings.weight", c["vocab_size"], width)
    places = w(name + ".position_embeddings.weight", c["max_position_embeddings"], width)
    segments = w(name + ".token_type_embeddings.weight", c["type_vocab_size"], width)
    x = embedding[tokens] + places[first : first + len(tokens)] + segments[texts]
    x = norm(w, name + ".LayerNorm", x, eps)
    for layer in range(c["num_hidden_layers"]):
        name = f"{prefix}encoder.layer.{layer}"
        q, k, v = (
            split(w.linear(f"{name}.attention.self.{p}", x, width, True), heads) for p in ("query", "key", "value")
        )
        y = w.linear(name + ".attention.output.dense", sees_all(q, k, v), width, True)
        x = norm(w, name + ".attention.output.LayerNorm", x + y, eps)
        y = gelu(w.linear(name + ".intermediate.dense", x, c["intermediate_size"], True))
        x = norm(w, name + ".output.LayerNorm", x + w.linear(name + ".output.dense", y, width, True), eps)
    return x, embedding


def bert(prefix, pooler):
    def forward(w, c, tokens):
        width, eps = c["hidden_size"], c["layer_norm_eps"]
        x, embedding = bert_body(prefix, w, c, tokens, [0] * len(tokens))
        pooled = np.tanh(w.linear(prefix + "pooler.dense", x[:1], width, True))[0] if pooler else None
        if c["model_type"] == "bert":
            y = gelu(w.linear("cls.predictions.transform.dense", x, width, True))
            y = norm(w, "cls.predictions.transform.LayerNorm", y, eps)
            return x, y @ embedding.T + w("cls.predictions.bias", c["vocab_size"]), pooled
        y = norm(w, "lm_head.layer_norm", gelu(w.linear("lm_head.dense", x, width, True)), eps)
        return x, y @ embedding.T + w("lm_head.bias", c["vocab_size"]), pooled

    return forward


def distilbert_body(w, c, tokens):
    width, heads, eps = c["dim"], c["n_heads"], 1e-12
    name = "distilbert.embeddings"
    embedding = w(name + ".word_embeddings.weight", c["vocab_size"], width)
    x = embedding[tokens] + w(name + ".position_embeddings.weight", c["max_position_embeddings"], width)[: len(tokens)]
    x = norm(w, name + ".LayerNorm", x, eps)
    for layer in range(c["n_layers"]):
        name = f"distilbert.transformer.layer.{layer}"
        q, k, v = (split(w.linear(f"{name}.attention.{p}_lin", x, width, True), heads) for p in "qkv")
        y = w.linear(name + ".attention.out_lin", sees_all(q, k, v), width, True)
        x = norm(w, name + ".sa_layer_norm", x + y, eps)
        y = w.linear(name + ".ffn.lin2", gelu(w.linear(name + ".ffn.lin1", x, c["hidden_dim"], True)), width, True)
        x = norm(w, name + ".output_layer_norm", x + y, eps)
    return x, embedding


def distilbert(w, c, tokens):
    x, embedding = distilbert_body(w, c, tokens)
    y = norm(w, "vocab_layer_norm", gelu(w.linear("vocab_transform", x, c["dim"], True)), 1e-12)
    return x, y @ embedding.T + w("vocab_projector.bias", c["vocab_size"]), None


def modernbert_body(w, c, tokens):
    width, heads, eps = c["hidden_size"], c["num_attention_heads"], c["norm_eps"]
    embedding = w("model.embeddings.tok_embeddings.weight", c["vocab_size"], width)
    x = norm(w, "model.embeddings.norm", embedding[tokens], eps, bias=False)
    for layer in range(c["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        local = layer % c["global_attn_every_n_layers"] != 0
        n = x if layer == 0 else norm(w, name + ".attn_norm", x, eps, bias=False)
        q, k, v = (split(z, heads) for z in np.split(w.linear(name + ".attn.Wqkv", n, 3 * width), 3, axis=-1))
        theta = c["local_rope_theta"] if local else c["global_rope_theta"]
        mixed = sees_all(rotate(q, theta), rotate(k, theta), v, c["local_attention"] // 2 if local else None)
        x = x + w.linear(name + ".attn.Wo", mixed, width)
        n = norm(w, name + ".mlp_norm", x, eps, bias=False)
        gate, other = np.split(w.linear(name + ".mlp.Wi", n, 2 * c["intermediate_size"]), 2, axis=-1)
        x = x + w.linear(name + ".mlp.Wo", gelu(gate) * other, width)
    return norm(w, "model.final_norm", x, eps, bias=False), embedding


def modernbert(w, c, tokens):
    x, embedding = modernbert_body(w, c, tokens)
    y = norm(w, "head.norm", gelu(w.linear("head.dense", x, c["hidden_size"])), c["norm_eps"], bias=False)
    return x, y @ embedding.T + w("decoder.bias", c["vocab_size"]), None


# Classifiers: …ForSequenceClassification, of a pair of texts as cross-encoders take it.


def labels(w, c, x, name="classifier"):
    return w.linear(name, x, len(c["id2label"]), True)


def bert_classifier(w, c, tokens, texts):
    x, _ = bert_body("bert.", w, c, tokens, texts)
    return labels(w, c, np.tanh(w.linear("bert.pooler.dense", x[:1], c["hidden_size"], True)))


def roberta_classifier(w, c, tokens, texts):
    x, _ = bert_body("roberta.", w, c, tokens, texts)
    return labels(w, c, np.tanh(w.linear("classifier.dense", x[:1], c["hidden_size"], True)), "classifier.out_proj")


def distilbert_classifier(w, c, tokens, texts):
    x, _ = distilbert_body(w, c, tokens)
    return labels(w, c, np.maximum(0, w.linear("pre_classifier", x[:1], c["dim"], True)))


def modernbert_classifier(w, c, tokens, texts):
    x, _ = modernbert_body(w, c, tokens)
    x = x.mean(0, keepdims=True) if c["classifier_pooling"] == "mean" else x[:1]
    x = norm(w, "head.norm", gelu(w.linear("head.dense", x, c["hidden_size"])), c["norm_eps"], bias=False)
    return labels(w, c, x)


def classifier_of(config, name, **more):
    ids = {str(i): f"LABEL_{i}" for i in range(3)}
    return {**config, "architectures": [name + "ForSequenceClassification"], "id2label": ids, **more}


def make():
    write_encoder(BERT, bert("bert.", True))
    write_encoder(ROBERTA, bert("roberta.", False))
    write_encoder({**ROBERTA, "architectures": ["XLMRobertaForMaskedLM"], "model_type": "xlm-roberta"}, bert("roberta.", True))
    write_encoder(DISTILBERT, distilbert)
    write_encoder(MODERNBERT, modernbert)
    two = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    write_classifier(classifier_of(BERT, "Bert"), bert_classifier, two, "bert_classifier")
    one = [0] * len(TOKENS)
    write_classifier(classifier_of(ROBERTA, "Roberta"), roberta_classifier, one, "roberta_classifier")
    xlm = classifier_of({**ROBERTA, "model_type": "xlm-roberta"}, "XLMRoberta")
    write_classifier(xlm, roberta_classifier, one, "xlm-roberta_classifier")
    write_classifier(classifier_of(DISTILBERT, "DistilBert"), distilbert_classifier, None, "distilbert_classifier")
    for pooling in ("cls", "mean"):
        config = classifier_of(MODERNBERT, "ModernBert", classifier_pooling=pooling)
        write_classifier(config, modernbert_classifier, None, f"modernbert_classifier_{pooling}")
