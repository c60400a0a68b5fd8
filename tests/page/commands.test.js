// The picker's search: what was typed finds the command that was meant, the best first.

import "./browser.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { state } = await import("../../playground/page/app/state.js");
const { commandOf, findCommands, optionHint, OPTION, typedCommands } = await import(
  "../../playground/page/composer/commands.js"
);

const SUB = (name, options = []) => ({ type: OPTION.SUBCOMMAND, name, options });
state.commands = [
  {
    name: "video",
    type: 1,
    options: [
      SUB("text", [
        { name: "seed", type: OPTION.INTEGER },
        { name: "prompt", type: OPTION.STRING, required: true },
      ]),
      SUB("takes"),
    ],
  },
  { name: "quota", type: 1, options: [SUB("set"), SUB("show")] },
  { name: "Retake…", type: 3 },
];
const names = (found) => found.map((command) => command.name);

test("every subcommand is a command of its own, what is required first", () => {
  assert.deepEqual(names(typedCommands()), ["video text", "video takes", "quota set", "quota show"]);
  assert.deepEqual(names(typedCommands()[0].options), ["prompt", "seed"]);
});

test("the beginning of a name finds it, and so do the beginnings of its words", () => {
  assert.deepEqual(names(findCommands("video t")), ["video text", "video takes"]);
  assert.deepEqual(names(findCommands("show")), ["quota show"]);
  assert.deepEqual(names(findCommands("te vi")), ["video text"]);
  assert.deepEqual(names(findCommands("nothing")), []);
});

test("the longest command that a text begins with is meant", () => {
  assert.equal(commandOf("/video text prompt:x").command.name, "video text");
  assert.equal(commandOf("/video text prompt:x").rest, " prompt:x");
  assert.equal(commandOf("/video textual"), null);
});

test("an option says what it takes, with its range", () => {
  const hint = optionHint({ type: OPTION.INTEGER, min_value: 2, max_value: 20 });
  assert.equal(hint, "a whole number from 2 to 20");
});
