"""Writes the expected logits of every family into tests/data/families/."""
import deepseek
import gpt2
import llama_shaped
import olmo2
import opt
import pangu
import phi

for family in (llama_shaped, olmo2, phi, gpt2, opt, deepseek, pangu):
    family.make()
