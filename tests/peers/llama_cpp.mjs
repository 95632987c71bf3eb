// Compares exported GGUF files in llama.cpp (npm package node-llama-cpp) with Coppice on the same files:
//   node tests/peers/llama_cpp.mjs COPPICE MODEL PACKAGE [TYPE,…] [PROMPT]
// COPPICE is the program, MODEL a model directory, or a folder of them (as tests/peers/tiny_models.cpp writes them),
// PACKAGE the folder that has node_modules/node-llama-cpp. Both continue the prompt greedily; at every position the
// logits and probabilities of the whole vocabulary are compared. With f32 they agree to rounding (about 1e-6), but for
// models with GELU, which llama.cpp looks up in a table of f16 values. With other types llama.cpp rounds activations, too,
// which can change the choice of an expert where two are nearly equal, as in random models: there the mean decides.
// Of text encoders with a pooling the vectors of some texts are compared; encoder-decoders are passed over
// (llama_cpp_encoders.cpp is for them and for hidden states).
// Prints one line of JSON for each model and type; exit 1 if one disagrees.

import {execFileSync} from "node:child_process";
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join, resolve} from "node:path";
import {pathToFileURL} from "node:url";

const [coppice, folder, packageFolder, types = "f32", prompt = "Once upon a time, there was a little"] = process.argv.slice(2);
const library = packageFolder && resolve(packageFolder, "node_modules/node-llama-cpp/dist/index.js");
if (!library || !existsSync(library)) {
    console.log(`skipped: no node-llama-cpp in '${packageFolder ?? ""}' (npm install node-llama-cpp, outside the repository)`);
    process.exit(0);
}
const tokens = 48;

// One tensor of a safetensors file, as f32.
function readTensor(path, name) {
    const bytes = readFileSync(path), length = Number(bytes.readBigUInt64LE(0));
    const entry = JSON.parse(bytes.subarray(8, 8 + length))[name];
    const [begin, end] = entry.data_offsets;
    return {shape: entry.shape, values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + 8 + length + begin, bytes.byteOffset + 8 + length + end))};
}

function softmax(logits) {
    const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const weights = Array.from(logits, (x) => Math.exp(x - highest)), sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((x) => x / sum);
}

const run = (...words) => JSON.parse(execFileSync(coppice, [...words, "--json"], {stdio: ["ignore", "pipe", "inherit"]}));

// Logits of both at every position of what ours writes.
async function compare(llama, model, type, scratch) {
    const file = join(scratch, "model.gguf"), trace = join(scratch, "trace.safetensors");
    const {architecture} = run("export", model, "-o", file, "--type", type, "--overwrite");
    // Our side computes with the weights that the file holds.
    const ours = run("run", file, prompt, "-n", String(tokens), "--temp", "0", "--ignore-eos", "--trace", trace);
    const logits = readTensor(trace, "logits"), vocabulary = logits.shape[1];

    const loaded = await llama.loadModel({modelPath: file});
    const context = await loaded.createContext({contextSize: 256, batchSize: 256, flashAttention: false,
        experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"});
    const bos = loaded.tokens.bos;
    const theirIds = (ours.prompt_ids[0] === bos ? [bos] : []).concat(Array.from(loaded.tokenize(prompt)));

    const ids = [...ours.prompt_ids, ...ours.ids.slice(0, -1)], first = ours.prompt_ids.length - 1;
    const input = ids.map((id, at) => (at < first ? id : [id, {generateNext: {logits: true}}]));
    const outputs = await context.getSequence().controlledEvaluate(input);
    let largest = 0, divergence = 0, sameBest = 0, difference = 0, size = 1, squares = 0, ownSquares = 0;
    for (let row = 0; row < ours.ids.length; row++) {
        const theirs = new Float32Array(vocabulary).fill(-Infinity);
        for (const [token, logit] of outputs[first + row].next.logits) theirs[token] = logit;
        const own = logits.values.subarray(row * vocabulary, (row + 1) * vocabulary);
        const p = softmax(own), q = softmax(theirs);
        let kl = 0;
        for (let v = 0; v < vocabulary; v++) {
            largest = Math.max(largest, Math.abs(p[v] - q[v]));
            difference = Math.max(difference, Math.abs(own[v] - theirs[v]));
            size = Math.max(size, Math.abs(own[v]));
            squares += (own[v] - theirs[v]) ** 2;
            ownSquares += own[v] ** 2;
            if (p[v] > 0) kl += p[v] * Math.log(p[v] / Math.max(q[v], 1e-30));
        }
        divergence = Math.max(divergence, kl);
        sameBest += q.indexOf(Math.max(...q)) === ours.ids[row];
    }
    await context.dispose();
    await loaded.dispose();
    const sameIds = JSON.stringify(theirIds) === JSON.stringify(ours.prompt_ids);
    const gelu = ["gpt2", "phi2"].includes(architecture);
    const mean = Math.sqrt(squares / ownSquares);
    const close = type === "f32" ? difference / size <= (gelu ? 2e-3 : 2e-5) && largest <= 1e-4 : mean <= 0.25;
    return {model: basename(resolve(model)), type, architecture, positions: ours.ids.length, vocabulary,
        relative_logit_difference: difference / size, mean_logit_difference: mean, largest_probability_difference: largest, largest_kl: divergence,
        same_best_token: sameBest, same_prompt_ids: sameIds, agrees: close && sameIds};
}

const texts = ["The little text.", "a  TEXT, with   spaces", "naïve café", "unseen 中文 words"];

// The vectors of some texts, of length 1; llama.cpp computes GELU by its approximation.
async function compareVectors(llama, model, type, scratch) {
    const file = join(scratch, "model.gguf"), input = join(scratch, "texts.txt");
    const {architecture} = run("export", model, "-o", file, "--type", type, "--overwrite");
    writeFileSync(input, texts.join("\n"));
    const ours = run("embed", file, input, "--lines", "--normalize").embeddings;
    const loaded = await llama.loadModel({modelPath: file});
    const context = await loaded.createEmbeddingContext();
    let largest = 0;
    for (let i = 0; i < texts.length; i++) {
        const theirs = (await context.getEmbeddingFor(texts[i])).vector;
        const size = Math.sqrt(theirs.reduce((sum, x) => sum + x * x, 0)), own = ours[i];
        for (let j = 0; j < own.length; j++) largest = Math.max(largest, Math.abs(own[j] - theirs[j] / size));
    }
    await context.dispose();
    await loaded.dispose();
    return {model: basename(resolve(model)), type, architecture, texts: texts.length, largest_vector_difference: largest,
        agrees: largest <= (type === "f32" ? 2e-3 : 5e-2)};
}

// What config.json says it is.
function compareAs(model) {
    const {model_type: family, is_encoder_decoder: translates} = JSON.parse(readFileSync(join(model, "config.json")));
    if (translates || family.endsWith("t5")) return null;
    return existsSync(join(model, "modules.json")) ? compareVectors : compare;
}

const models = existsSync(join(folder, "config.json")) ? [folder] : readdirSync(folder).sort().map((name) => join(folder, name));
const scratch = mkdtempSync(join(tmpdir(), "coppice-peer-"));
let disagrees = false;
try {
    const {getLlama, LlamaLogLevel} = await import(pathToFileURL(library));
    const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
    for (const model of models)
        for (const type of types.split(",")) {
            const comparison = compareAs(model);
            if (comparison === null) continue;
            const result = await comparison(llama, model, type, scratch);
            console.log(JSON.stringify(result));
            disagrees ||= !result.agrees;
        }
    await llama.dispose();
} finally {
    rmSync(scratch, {recursive: true, force: true});
}
process.exit(disagrees ? 1 : 0);
