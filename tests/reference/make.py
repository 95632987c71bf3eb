"""Writes the expected logits of every family into tests/data/families/."""
import encoders
import gpt2
import llama_shaped
import olmo2
import opt
import phi

for family in (llama_shaped, olmo2, phi, gpt2, opt, encoders):
    family.make()
