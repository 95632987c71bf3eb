"""Writes the expected logits of every family into tests/data/families/."""
import deepseek
import encoders
import gated
import gpt2
import lfm2
import llama_shaped
import minicpm
import olmo2
import opt
import pangu
import phi
import phimoe
import t5

for family in (llama_shaped, olmo2, phi, gpt2, opt, lfm2, encoders, t5, deepseek, pangu, gated, phimoe, minicpm):
    family.make()
