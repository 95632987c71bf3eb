// Our tokenizers against the npm package @huggingface/tokenizers, line by line.
//
//   node tests/peers/hf_tokenizers.mjs PACKAGE COPPICE TOKENIZER_JSON LINES [EXAMPLES]
//
// PACKAGE         folder of the installed package; without it there is nothing to compare, and that is said
// COPPICE         the program coppice
// TOKENIZER_JSON  a tokenizer.json in a folder of its own
// LINES           texts, one JSON string per line
//
// Prints how many lines agree in ids and in decoded text, and some that do not. The exit code is 1 if ids differ.
// Known differences are the package's, where it departs from Hugging Face's own library: README.md beside this.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [pack, program, file, lines, examples = "3"] = process.argv.slice(2);
if (!lines) {
  console.error("usage: hf_tokenizers.mjs PACKAGE COPPICE TOKENIZER_JSON LINES [EXAMPLES]");
  process.exit(2);
}
const entry = path.join(pack, "dist", "tokenizers.mjs");
if (!fs.existsSync(entry)) {
  console.log(`skipped: no @huggingface/tokenizers in ${pack}`);
  process.exit(0);
}

const { Tokenizer } = await import(pathToFileURL(entry));
const theirs = new Tokenizer(JSON.parse(fs.readFileSync(file, "utf8")), {});
const texts = fs.readFileSync(lines, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const run = spawnSync(program, ["tokenize", path.dirname(file), "--file", lines, "--lines"], {
  encoding: "utf8",
  maxBuffer: 1 << 30,
});
if (run.status !== 0) {
  console.error(run.stderr);
  process.exit(run.status ?? 1);
}
const ours = run.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));

const differs = { ids: [], text: [] };
texts.forEach((text, i) => {
  const ids = Array.from(theirs.encode(text).ids);
  const decoded = ids.length ? theirs.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false }) : "";
  if (ids.join() !== ours[i].ids.join()) differs.ids.push([text, ours[i].ids, ids]);
  else if (decoded !== ours[i].text) differs.text.push([text, ours[i].text, decoded]);
});
for (const [what, list] of Object.entries(differs)) {
  console.log(`${what}: ${texts.length - list.length} of ${texts.length} lines agree`);
  list.sort((a, b) => a[0].length - b[0].length);
  for (const [text, our, their] of list.slice(0, Number(examples)))
    console.log(JSON.stringify({ text, ours: our, theirs: their }));
}
process.exit(differs.ids.length > 0 ? 1 : 0);
