// Discord's markdown becomes a tree: marks where Discord sees marks, words everywhere else.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse, parseInline, plainText } from "../../playground/page/text/markdown.js";

const bold = (...parts) => ({ type: "bold", parts });
const italic = (...parts) => ({ type: "italic", parts });

test("marks nest, and a mark without its end is a word", () => {
  assert.deepEqual(parseInline("a **b *c* d** e"), ["a ", bold("b ", italic("c"), " d"), " e"]);
  assert.deepEqual(parseInline("2 * 3 ** 4"), ["2 * 3 ** 4"]);
  assert.deepEqual(parseInline("snake_case_name"), ["snake_case_name"]);
});

test("an escaped mark is that character", () => {
  assert.deepEqual(parseInline("\\*not\\* \\`code\\`"), ["*not* `code`"]);
});

test("what stands in code is not read", () => {
  assert.deepEqual(parseInline("`**a** <@1>`"), [{ type: "code", text: "**a** <@1>" }]);
});

test("mentions, commands and moments are known by their form alone", () => {
  assert.deepEqual(parseInline("<@12> <@&3> <#4>"), [
    { type: "user", id: "12" },
    " ",
    { type: "role", id: "3" },
    " ",
    { type: "channel", id: "4" },
  ]);
  assert.deepEqual(parseInline("</video text:9>"), [{ type: "command", name: "video text" }]);
  assert.deepEqual(parseInline("<t:60:R>"), [{ type: "time", at: 60, style: "R" }]);
  assert.deepEqual(parseInline("<@not-a-number>"), ["<@not-a-number>"]);
});

test("only http and https are links", () => {
  const [found] = parseInline("[here](https://example.org/a_(b))");
  assert.equal(found.type, "link");
  assert.equal(found.url, "https://example.org/a_(b)");
  for (const address of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"]) {
    assert.deepEqual(parseInline(`[here](${address})`), [`[here](${address})`]);
  }
});

test("the full stop after an address is not part of it", () => {
  const parts = parseInline("see https://example.org/a. Then");
  assert.equal(parts[1].url, "https://example.org/a");
  assert.equal(parts[2], ". Then");
});

test("blocks: headings, subtext, quotes, lists and code", () => {
  const blocks = parse("# Big\n-# small\n> said\n- one\n- two\n```js\nlet a;\n```\nend");
  assert.deepEqual(
    blocks.map((block) => block.type),
    ["heading", "subtext", "quote", "list", "code", "paragraph"],
  );
  assert.equal(blocks[3].items.length, 2);
  assert.deepEqual([blocks[4].language, blocks[4].text], ["js", "let a;"]);
});

test("deep nesting ends, and nothing is lost", () => {
  const text = "**".repeat(200) + "x" + "**".repeat(200);
  assert.ok(plainText(text).includes("x"));
  assert.ok(plainText("> ".repeat(500) + "x").includes("x"));
});

test("a text made of nothing but marks is read to its end", () => {
  const hostile = ["**", "__", "~~", "||", "`", "*", "_", "[", "<", "> "];
  for (const mark of hostile) {
    const long = mark.repeat(2000) + "a";
    assert.equal(typeof plainText(long), "string");
  }
});

test("the plain text of a message hides its spoilers", () => {
  assert.equal(plainText("**a** ||secret|| [b](https://example.org)"), "a ▒▒▒ b");
});

test("the plain text of a message says what people read of those it names", () => {
  const named = (part) => ({ user: "@Mira", channel: "#videos" })[part.type] ?? `/${part.name}`;
  const text = "<@1>: **orders** in <#2>\n- </video text:3>";
  assert.equal(plainText(text, named), "@Mira: orders in #videos /video text");
});
