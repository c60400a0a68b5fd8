// Moments as people read them, by the playground's clock, which may be turned.

import "./browser.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { dayName, fromNow, now, setNow } = await import("../../playground/page/text/times.js");
const { compareIds, nextId } = await import("../../playground/page/app/ids.js");

test("distances are told in the largest unit that fits", () => {
  setNow(1_000_000);
  const words = (seconds) => fromNow(1_000_000 + seconds);
  assert.match(words(90.5), /1 minute/);
  assert.match(words(-2 * 3600 - 5), /2 hours ago/);
  assert.match(words(40 * 86400), /month/);
  assert.match(words(0), /now/);
});

test("the playground's clock counts, not the machine's", () => {
  setNow(5_000_000_000);
  assert.ok(Math.abs(now() - 5_000_000_000) < 60);
  assert.equal(dayName(new Date(now() * 1000).toISOString()), "Today");
  assert.equal(dayName(new Date((now() - 86400) * 1000).toISOString()), "Yesterday");
});

test("ids are compared as numbers, however long", () => {
  assert.ok(compareIds("99", "100") < 0);
  assert.ok(compareIds("1180000000000000002", "1180000000000000001") > 0);
  assert.equal(compareIds("7", "7"), 0);
  assert.equal(nextId("1180000000000000009"), "1180000000000000010");
});
