// Our Jinja against the npm package @huggingface/jinja: every template with every conversation.
//
//   node tests/peers/hf_jinja.mjs PACKAGE RENDER TEMPLATES… [--examples N]
//
// PACKAGE    folder of the installed package; without it there is nothing to compare, and that is said
// RENDER     the program render_templates of our build (tests/peers/render_templates.cpp)
// TEMPLATES  files, or folders of *.jinja
//
// A case agrees if both write the same text, or both refuse. Prints how many do, the number of those where only one
// refuses and where the texts differ, and some of them; as JSON in the last line. The exit code is 1 if texts differ.
// The package is no oracle: README.md beside this tells where it departs from Jinja.

import {spawnSync} from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import {pathToFileURL} from "node:url";

const words = process.argv.slice(2), at = words.indexOf("--examples");
const examples = at < 0 ? 5 : Number(words.splice(at, 2)[1]);
const [pack, program, ...places] = words;
if (places.length === 0) {
    console.error("usage: hf_jinja.mjs PACKAGE RENDER TEMPLATES… [--examples N]");
    process.exit(2);
}
const entry = path.join(pack, "dist", "index.js");
if (!fs.existsSync(entry)) {
    console.log(`skipped: no @huggingface/jinja in ${pack}`);
    process.exit(0);
}
const {Template} = await import(pathToFileURL(entry));

const files = places.flatMap((place) => fs.statSync(place).isDirectory()
    ? fs.readdirSync(place).filter((name) => name.endsWith(".jinja")).sort().map((name) => path.join(place, name)) : [place]);

const tool = {type: "function", function: {name: "get_weather", description: "The weather \"now\" in a city <b>", parameters: {
    type: "object", properties: {city: {type: "string", description: "its name", enum: ["Zürich", "Łódź"]},
        days: {type: "array", items: {type: "integer"}}, exact: {type: "boolean", default: false}}, required: ["city"]}}};
const call = (args) => ({role: "assistant", content: "", tool_calls: [{id: "call12345", type: "function",
    function: {name: "get_weather", arguments: args}}]});
const conversations = {
    question: [{role: "user", content: "Hello, how are you?"}],
    blanks: [{role: "system", content: "  Be brief.\n"}, {role: "user", content: "\n Hi \n there  "}],
    turns: [{role: "system", content: "You are a pirate."}, {role: "user", content: "1 + 1?"}, {role: "assistant", content: "2, arr."},
        {role: "user", content: "Why? 'quoted' \"twice\" \\ <|im_end|> {{ x }} é 字 🙂"}],
    thought: [{role: "user", content: "Think."}, {role: "assistant", content: "<think>\nhm\n</think>\n\nDone."}, {role: "user", content: "And now?"}],
    reasoned: [{role: "user", content: "Think."}, {role: "assistant", reasoning_content: "hm", content: "Done."}, {role: "user", content: "More."}],
    called: [{role: "user", content: "Weather?"}, call({city: "Zürich", days: [1, 2], exact: true}),
        {role: "tool", name: "get_weather", tool_call_id: "call12345", content: "{\"t\": -3.5}"},
        {role: "assistant", content: "-3.5 degrees"}, {role: "user", content: "Thanks"}],
    answered: [{role: "system", content: "Use tools."}, {role: "user", content: "Weather?"}, call({city: "Łódź"}),
        {role: "tool", name: "get_weather", tool_call_id: "call12345", content: "cold"}],
    parts: [{role: "user", content: [{type: "text", text: "What is this?"}, {type: "text", text: " And this?"}]}],
    no_user: [{role: "system", content: "Alone."}],
    twice: [{role: "user", content: "a"}, {role: "user", content: "b"}],
    developer: [{role: "developer", content: "Rules."}, {role: "user", content: "a"}],
    empty: [{role: "user", content: ""}, {role: "assistant", content: ""}, {role: "user", content: "x"}],
};
const settings = {
    plain: {},
    prompt: {add_generation_prompt: true},
    tools: {add_generation_prompt: true, tools: [tool]},
    thinking: {add_generation_prompt: true, enable_thinking: true},
    not_thinking: {add_generation_prompt: true, enable_thinking: false, tools: [tool, tool]},
};

const now = Math.floor(Date.now() / 1000), cases = [];
for (const file of files) {
    const template = fs.readFileSync(file, "utf8");
    for (const [conversation, messages] of Object.entries(conversations))
        for (const [setting, more] of Object.entries(settings))
            cases.push({file, conversation, setting, template, now,
                variables: {messages, add_generation_prompt: false, bos_token: "<s>", eos_token: "</s>", ...more}});
}
const run = spawnSync(program, [], {encoding: "utf8", maxBuffer: 1 << 30,
    input: cases.map(({template, variables, now}) => JSON.stringify({template, variables, now})).join("\n") + "\n"});
if (run.status !== 0) {
    console.error(run.stderr, run.error ?? "");
    process.exit(run.status ?? 1);
}
const ours = run.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));

// The package renders in the machine's time zone; so do we not. Dates are written in both as of `now`.
const compiled = new Map();
function render({file, template, variables}) {
    try {
        if (!compiled.has(file)) compiled.set(file, new Template(template));
        return {text: compiled.get(file).render(structuredClone(variables))};
    } catch (error) {
        return {error: String(error).slice(0, 200)};
    }
}
const lists = {same_text: [], both_refuse: [], texts_differ: [], only_we_refuse: [], only_they_refuse: []};
cases.forEach((one, i) => {
    const own = ours[i], theirs = render(one);
    const where = own.error !== undefined ? (theirs.error !== undefined ? "both_refuse" : "only_we_refuse")
        : theirs.error !== undefined ? "only_they_refuse" : own.text === theirs.text ? "same_text" : "texts_differ";
    lists[where].push({one, own, theirs});
});
function around(a, b) {
    let at = 0;
    while (at < a.length && a[at] === b[at]) ++at;
    return {at, ours: a.slice(Math.max(0, at - 40), at + 60), theirs: b.slice(Math.max(0, at - 40), at + 60)};
}
for (const kind of ["texts_differ", "only_we_refuse", "only_they_refuse"]) {
    const seen = new Set();  // one example for each template
    for (const {one, own, theirs} of lists[kind]) {
        if (seen.has(one.file) || seen.size >= examples) continue;
        seen.add(one.file);
        console.log(JSON.stringify({[kind]: path.basename(one.file), conversation: one.conversation, setting: one.setting,
            ...(kind === "texts_differ" ? around(own.text, theirs.text) : {error: own.error ?? theirs.error})}));
    }
}
console.log(JSON.stringify({templates: files.length, cases: cases.length,
    ...Object.fromEntries(Object.entries(lists).map(([kind, list]) => [kind, list.length])),
    templates_that_differ: new Set(lists.texts_differ.map(({one}) => one.file)).size}));
process.exit(lists.texts_differ.length > 0 ? 1 : 0);
