// How fast our tokenizers are beside others, one thread, line by line, in processor time:
//
//   node tests/peers/tokenizer_speed.mjs BENCH TEXT OURS [--llama PACKAGE VOCABULARY.gguf] [--hf PACKAGE TOKENIZER_JSON]
//
// BENCH    the program bench_tokenize of a build with benchmarks
// OURS     the same tokenizer as ours: a model directory or a GGUF file
// --llama  llama.cpp through the npm package node-llama-cpp (PACKAGE has node_modules/node-llama-cpp)
// --hf     the npm package @huggingface/tokenizers (PACKAGE is its folder)
//
// Prints megabytes of text per second, the median of the passes after the first, and the ratios of ours to theirs: above 1
// we are faster. `first` is the first pass of both, in which every word is new; the others keep what they need between passes.

import {execFileSync} from "node:child_process";
import {existsSync, readFileSync} from "node:fs";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";

const words = process.argv.slice(2), peers = {};
for (const name of ["llama", "hf"]) {
    const at = words.indexOf(`--${name}`);
    if (at >= 0) [, ...peers[name]] = words.splice(at, 3);
}
const [bench, text, ours] = words, rounds = 3;
if (!ours) {
    console.error("usage: tokenizer_speed.mjs BENCH TEXT OURS [--llama PACKAGE VOCABULARY.gguf] [--hf PACKAGE TOKENIZER_JSON]");
    process.exit(2);
}
const bytes = readFileSync(text), lines = bytes.toString("utf8").split("\n");

// Megabytes per second of the first pass, and the median of those behind it.
function measure(encode) {
    const speeds = [];
    let tokens = 0;
    for (let round = 0; round <= rounds; round++) {
        const start = process.cpuUsage();
        tokens = 0;
        for (const line of lines) tokens += encode(line).length;
        const {user, system} = process.cpuUsage(start);
        speeds.push(bytes.length / (user + system));
    }
    const [first, ...rest] = speeds;
    return {first, mb_per_s: rest.sort((a, b) => a - b)[Math.floor(rest.length / 2)], tokens};
}

const own = JSON.parse(execFileSync(bench, [ours, text, String(rounds)], {encoding: "utf8"}));
const result = {tokenizer: ours, ours: {first: own.first_mb_per_s, mb_per_s: own.mb_per_s, tokens: own.tokens}};
if (peers.llama) {
    const library = resolve(peers.llama[0], "node_modules/node-llama-cpp/dist/index.js");
    if (existsSync(library)) {
        const {getLlama, LlamaLogLevel} = await import(pathToFileURL(library));
        const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.disabled});
        const model = await llama.loadModel({modelPath: peers.llama[1], vocabOnly: true});
        result.llama = measure((line) => model.tokenize(line));
        await model.dispose();
        await llama.dispose();
    } else console.log(`skipped: no node-llama-cpp in ${peers.llama[0]}`);
}
if (peers.hf) {
    const library = resolve(peers.hf[0], "dist/tokenizers.mjs");
    if (existsSync(library)) {
        const {Tokenizer} = await import(pathToFileURL(library));
        const tokenizer = new Tokenizer(JSON.parse(readFileSync(peers.hf[1], "utf8")), {});
        result.hf = measure((line) => tokenizer.encode(line, {add_special_tokens: false}).ids);
    } else console.log(`skipped: no @huggingface/tokenizers in ${peers.hf[0]}`);
}
for (const peer of ["llama", "hf"])
    if (result[peer]) result[`ratio_to_${peer}`] = {first: result.ours.first / result[peer].first,
        mb_per_s: result.ours.mb_per_s / result[peer].mb_per_s};
console.log(JSON.stringify(result));
