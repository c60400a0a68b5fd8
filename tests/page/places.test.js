// Addresses, sizes, names and the keyboard's walk: small rules that many parts use.

import "./browser.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { fromAddress, placeOfLink, refuge } = await import(
  "../../playground/page/app/navigation.js"
);
const { state } = await import("../../playground/page/app/state.js");
const { sizeText } = await import("../../playground/page/messages/media.js");
const { placeIcon, placeName } = await import("../../playground/page/frame/places.js");
const { summary } = await import("../../playground/page/frame/mishap.js");
const { walk } = await import("../../playground/page/controls/focus.js");

test("an address names a person and a place, or neither", () => {
  const read = (hash) => {
    globalThis.location.hash = hash;
    return fromAddress();
  };
  assert.deepEqual(read("#/mira/123"), { person: "mira", place: "123" });
  assert.deepEqual(read("#/ada"), { person: "ada", place: null });
  for (const other of ["", "#composer-input", "#/mira/abc", "#/mira/1/2", "#/<b>/1"]) {
    assert.deepEqual(read(other), { person: null, place: null }, other);
  }
});

test("only a link into Discord is one into this server", () => {
  const link = "https://discord.com/channels/1/22/333";
  assert.deepEqual(placeOfLink(link), { place: "22", message: "333" });
  assert.deepEqual(placeOfLink("https://ptb.discord.com/channels/1/22"), {
    place: "22",
    message: null,
  });
  assert.equal(placeOfLink("https://discord.com.example/channels/1/22"), null);
  assert.equal(placeOfLink(`https://example.com/?${link}`), null);
});

test("who loses a thread goes to its channel, who loses a channel to the first", () => {
  state.channels = new Map([
    ["1", { id: "1", type: 0, position: 1 }],
    ["2", { id: "2", type: 0, position: 0 }],
  ]);
  assert.equal(refuge({ id: "9", type: 11, parent_id: "1" }), "1");
  assert.equal(refuge({ id: "9", type: 11, parent_id: "7" }), "2");
  assert.equal(refuge({ id: "9", type: 0 }), "2");
});

test("a size is said in the unit that fits", () => {
  assert.deepEqual(
    [0, 1023, 1024, 1536, 150 * 1024, 3.4 * 1024 ** 2, 2 ** 40, null].map(sizeText),
    ["0 bytes", "1023 bytes", "1.0 KB", "1.5 KB", "150 KB", "3.4 MB", "1024 GB", ""],
  );
});

test("a place is called by its name, a direct message by the other one", () => {
  state.you = { id: "1" };
  state.bot = { name: "Dailies" };
  assert.equal(placeName({ name: "videos" }), "videos");
  const other = { id: "2", username: "jonas" };
  assert.equal(placeName({ type: 1, recipients: [{ id: "1" }, other] }), "jonas");
  assert.equal(placeName({ type: 1, recipients: [{ id: "1" }] }), "Dailies");
  const overwrites = [{ id: "100", deny: String(1n << 10n) }];
  state.guild = { id: "100" };
  assert.equal(placeIcon({ type: 0, permission_overwrites: overwrites }), "lock");
  assert.equal(placeIcon({ type: 0 }), "hash");
  assert.equal(placeIcon({ type: 11, thread_metadata: { archived: true } }), "archive");
});

test("the switches say how many providers fail", () => {
  assert.equal(summary([]), "All providers work");
  assert.equal(summary(["LTX"]), "LTX doesn't work");
  assert.equal(summary(["LTX", "apixo"]), "2 providers don't work");
});

test("arrows walk in a circle, ends are ends, and other keys are left alone", () => {
  const controls = [0, 1, 2].map((index) => ({ index, focus: () => stand(index) }));
  const stand = (index) => {
    globalThis.document = /** @type {any} */ ({ activeElement: controls[index] });
  };
  const press = (key, keys) => {
    const event = { key, prevented: false, preventDefault: () => (event.prevented = true) };
    const used = walk(event, controls, keys);
    assert.equal(used, event.prevented);
    return used ? globalThis.document.activeElement.index : null;
  };
  stand(0);
  assert.equal(press("ArrowRight"), 1);
  assert.equal(press("ArrowUp"), 0);
  assert.equal(press("ArrowLeft"), 2);
  assert.equal(press("ArrowDown"), 0);
  assert.equal(press("End"), 2);
  assert.equal(press("Home"), 0);
  assert.equal(press("Tab"), null);
  assert.equal(press("Enter"), null);
  assert.equal(press("ArrowLeft", ["ArrowUp", "ArrowDown"]), null);
  assert.equal(walk({ key: "Home" }, []), false);
});
