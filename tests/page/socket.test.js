// The line to the playground: answers find their question, and what is lost is said.

import "./browser.js";
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

globalThis.location.href = "http://127.0.0.1:8765/";
const lines = [];

class Line extends EventTarget {
  static OPEN = 1;

  constructor(address) {
    super();
    this.address = String(address);
    this.readyState = 1;
    this.sent = [];
    lines.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  say(frame) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(frame) }));
  }

  close() {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
}
globalThis.WebSocket = /** @type {any} */ (Line);
const { Refused, Socket } = await import("../../playground/page/net/socket.js");

let socket;
let heard;

beforeEach(() => {
  heard = [];
  lines.length = 0;
  socket = new Socket({
    onEvent: (name, data) => heard.push([name, data]),
    onLine: (up) => heard.push(["line", up]),
  });
  socket.open("mira");
});
afterEach(() => {
  clearTimeout(socket.timer);
  clearTimeout(socket.watch);
});

test("it asks as the person who sits there, and takes answers in any order", async () => {
  assert.equal(lines[0].address, "ws://127.0.0.1:8765/page/socket?person=mira");
  const first = socket.ask("say", { content: "a" });
  const second = socket.ask("read");
  assert.deepEqual(lines[0].sent, [
    { n: 1, do: "say", content: "a" },
    { n: 2, do: "read" },
  ]);
  lines[0].say({ reply: 2, ok: true });
  lines[0].say({ reply: 1, ok: false, error: "You may not." });
  assert.deepEqual(await second, {});
  await assert.rejects(first, (error) => error instanceof Refused && error.message === "You may not.");
});

test("events are passed on, and HELLO says that the line is up", () => {
  lines[0].say({ event: "HELLO", data: { you: 1 } });
  lines[0].say({ event: "CLOCK", data: { now: 2 } });
  assert.deepEqual(heard, [
    ["line", true],
    ["HELLO", { you: 1 }],
    ["CLOCK", { now: 2 }],
  ]);
});

test("a line that breaks refuses what was asked, and nothing new goes out", async () => {
  const asked = socket.ask("command", { name: "video text" });
  lines[0].close();
  await assert.rejects(asked, /was lost before the playground answered/);
  await assert.rejects(socket.ask("say"), /is down/);
  assert.deepEqual(heard, [["line", false]]);
});

test("when somebody else sits down, the former line is not listened to any more", () => {
  socket.open("ada");
  assert.match(lines[1].address, /person=ada/);
  lines[0].say({ event: "HELLO", data: { you: "mira" } });
  lines[1].say({ event: "HELLO", data: { you: "ada" } });
  assert.deepEqual(heard.filter(([name]) => name === "HELLO"), [["HELLO", { you: "ada" }]]);
});
