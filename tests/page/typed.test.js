// A command typed as text: options in any order, prompts with colons in them, and clear refusals.

import "./browser.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { readOptions, readValue } = await import("../../playground/page/composer/typed.js");
const { OPTION } = await import("../../playground/page/composer/commands.js");

const COMMAND = {
  name: "video text",
  options: [
    { name: "prompt", type: OPTION.STRING, max_length: 20 },
    { name: "duration", type: OPTION.INTEGER, min_value: 2, max_value: 20 },
    { name: "sound", type: OPTION.BOOLEAN },
  ],
};
const read = (text) => {
  const { values, problems, doubts } = readOptions(COMMAND, text);
  return { values: Object.fromEntries(values), problems, doubts };
};

test("options stand in any order, and a prompt goes on until the next one", () => {
  const found = read("duration:6 prompt:a red fox, at dawn sound:on");
  assert.deepEqual(found.values, { duration: "6", prompt: "a red fox, at dawn", sound: "on" });
  assert.deepEqual(found.problems, []);
});

test("a colon in a prompt is prose, and an address is no option", () => {
  assert.deepEqual(read("prompt:a sign: sound: rain").values, { prompt: "a sign: sound: rain" });
  assert.deepEqual(read("prompt:see https://x.org").values, { prompt: "see https://x.org" });
});

test("in quotes even the name of an option is prose", () => {
  assert.deepEqual(read('prompt:"a sound:off sign" duration:4').values, {
    prompt: "a sound:off sign",
    duration: "4",
  });
});

test("what belongs to no option is said, with the nearest that exists", () => {
  assert.match(read("fox sound:on").problems[0], /belongs to no option.*Write prompt:fox\./);
  assert.deepEqual(read("fox sound:on").values, { sound: "on" });
  assert.match(read("promt:fox").problems[0], /“promt” is not an option.*did you mean prompt\?/);
  assert.match(read("prompt:a prompt:b").problems[0], /prompt is given twice/);
});

test("words without an option are the text that the command needs", () => {
  const prompt = { name: "prompt", type: OPTION.STRING, required: true };
  const needing = { name: "video text", options: [prompt, ...COMMAND.options.slice(1)] };
  const found = readOptions(needing, "a red fox: at dawn duration:6");
  assert.deepEqual(Object.fromEntries(found.values), { prompt: "a red fox: at dawn", duration: "6" });
  assert.deepEqual(found.problems, []);
  assert.match(readOptions(needing, "a fox prompt:a dog").problems[0], /“a fox” belongs to no/);
  assert.match(readOptions(needing, "promt:fox").problems[0], /did you mean prompt\?/);
});

test("a word that looks like an option within a prompt is asked about before it is sent", () => {
  assert.match(read("prompt:fox duraton:6").doubts[0], /did you mean duration\?/);
});

test("values are what Discord sends, and what is not understood is refused", () => {
  const [prompt, duration, sound] = COMMAND.options;
  assert.deepEqual(readValue(duration, "6"), { value: 6 });
  assert.deepEqual(readValue(sound, "Yes"), { value: true });
  for (const wrong of ["", "six", "1", "21", "2.5", "NaN", "1e999"]) {
    assert.match(readValue(duration, wrong).wrong, /a whole number from 2 to 20/, wrong);
  }
  assert.match(readValue(sound, "maybe").wrong, /yes or no/);
  assert.match(readValue(prompt, "x".repeat(21)).wrong, /can have up to 20 characters\. This has 21/);
});

test("an emoji counts as one character", () => {
  assert.deepEqual(readValue(COMMAND.options[0], "🦊".repeat(20)), { value: "🦊".repeat(20) });
});

test("a choice is known by its name or its value, in any case", () => {
  const option = { name: "size", type: OPTION.STRING, choices: [{ name: "4K", value: "4k" }] };
  assert.deepEqual(readValue(option, "4k"), { value: "4k" });
  assert.match(readValue(option, "8K").wrong, /takes one of: 4K\./);
});

test("people are found by mention or by name, else refused", () => {
  const option = { name: "person", type: OPTION.USER };
  assert.deepEqual(readValue(option, "<@!42>"), { value: "42" });
  assert.deepEqual(readValue(option, "@Mira", (_, name) => (name === "mira" ? "7" : null)), {
    value: "7",
  });
  assert.match(readValue(option, "nobody").wrong, /“nobody” is none/);
});
