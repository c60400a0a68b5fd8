// What a page knows of the world: each event changes just what it says.

import "./browser.js";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const { DM, displayName, isEphemeral, isThread, state } = await import(
  "../../playground/page/app/state.js"
);

const MIRA = { id: "1", username: "mira", global_name: "Mira" };
const BOT = { id: "9", username: "dailies", bot: true };
const STARTER = 21;
let told = [];

for (const name of ["channels", "message", "gone", "placeGone", "history", "typing"]) {
  state.on(name, (detail) => told.push([name, detail]));
}

function message(id, channel, more = {}) {
  return { id, channel_id: channel, type: 0, author: BOT, content: id, mentions: [], ...more };
}

function heard(name) {
  return told.filter(([each]) => each === name).map(([, detail]) => detail);
}

beforeEach(() => {
  state.forget();
  state.receive("HELLO", {
    you: MIRA,
    people: [
      { id: "1", name: "mira", display: "Mira", moderator: false },
      { id: "2", name: "ada", display: "Ada", moderator: true },
    ],
    guild: { id: "100", name: "Studio" },
    channels: [
      { id: "11", type: 0, name: "boards", position: 1 },
      { id: "10", type: 0, name: "videos", position: 0 },
      { id: "20", type: 11, parent_id: "10", name: "older", last_message_id: "21" },
      { id: "30", type: 11, parent_id: "10", name: "newer", last_message_id: "31" },
      { id: "40", type: DM, recipients: [MIRA] },
    ],
    unread: { 11: 0 },
    commands: [],
    bot: { user: BOT, online: true },
    now: 1_800_000_000,
  });
  told = [];
});

test("channels stand in their order, threads below theirs with the newest first", () => {
  const ids = (list) => list.map((each) => each.id);
  assert.deepEqual(ids(state.channelList()), ["10", "40", "11"]);
  assert.deepEqual(ids(state.threadList("10")), ["30", "20"]);
  state.receive("MESSAGE_CREATE", message("50", "20"));
  assert.deepEqual(ids(state.threadList("10")), ["20", "30"]);
  assert.ok(isThread(state.channels.get("20")) && !isThread(state.channels.get("10")));
});

test("what is new is unread; what is for this person is counted, and so is a direct message", () => {
  const unread = () => Object.fromEntries(state.unread);
  assert.deepEqual(unread(), { 11: 0 }, "as the playground said");
  state.receive("MESSAGE_CREATE", message("50", "10"));
  state.receive("MESSAGE_CREATE", message("51", "11", { mentions: [MIRA] }));
  state.receive("MESSAGE_CREATE", message("52", "20", { mentions: [{ id: "2" }] }));
  state.receive("MESSAGE_CREATE", message("53", "40"));
  state.receive("MESSAGE_CREATE", message("54", "40"));
  assert.deepEqual(unread(), { 10: 0, 11: 1, 20: 0, 40: 2 });
});

test("one's own words, a thread's first message and one that is known are not new", () => {
  state.markRead("11");
  state.receive("MESSAGE_CREATE", message("50", "11", { author: MIRA }));
  state.receive("MESSAGE_CREATE", message("51", "20", { type: STARTER }));
  assert.equal(state.unread.size, 0);
  state.receive("MESSAGE_CREATE", message("52", "10"));
  state.markRead("10");
  state.receive("MESSAGE_CREATE", message("52", "10"));
  assert.equal(state.unread.size, 0);
  assert.equal(state.channels.get("20").message_count ?? 0, 0);
});

test("what another page of this person has read is read here", () => {
  state.receive("READ", { channel_id: "11" });
  assert.equal(state.unread.has("11"), false);
  assert.equal(heard("channels").length, 1);
  state.receive("READ", { channel_id: "11" });
  assert.equal(heard("channels").length, 1, "nothing changed");
});

test("a direct message in a place that is just made is counted", () => {
  state.receive("CHANNEL_CREATE", { id: "60", type: DM, recipients: [MIRA] });
  state.receive("MESSAGE_CREATE", message("61", "60"));
  assert.equal(state.unread.get("60"), 1);
});

test("reactions are counted by who and what", () => {
  state.receive("MESSAGE_CREATE", message("50", "10"));
  const react = (event, user, name = "🔥") =>
    state.receive(event, {
      channel_id: "10",
      message_id: "50",
      user_id: user,
      emoji: { name },
    });
  const shown = () =>
    state.message("50").reactions.map(({ emoji, count, me }) => [emoji.name, count, me]);
  react("MESSAGE_REACTION_ADD", "9");
  react("MESSAGE_REACTION_ADD", "1");
  react("MESSAGE_REACTION_ADD", "2", "⭐");
  assert.deepEqual(shown(), [
    ["🔥", 2, true],
    ["⭐", 1, false],
  ]);
  react("MESSAGE_REACTION_REMOVE", "9");
  assert.deepEqual(shown()[0], ["🔥", 1, true]);
  react("MESSAGE_REACTION_REMOVE", "1");
  react("MESSAGE_REACTION_REMOVE", "1", "❔");
  assert.deepEqual(shown(), [["⭐", 1, false]]);
  react("MESSAGE_REACTION_REMOVE_EMOJI", "2", "⭐");
  assert.deepEqual(shown(), []);
});

test("an edit changes what it names and leaves the reactions", () => {
  state.receive("MESSAGE_CREATE", message("50", "10", { reactions: [{ count: 1 }] }));
  state.receive("MESSAGE_UPDATE", { id: "50", channel_id: "10", content: "new", reactions: [] });
  assert.deepEqual(
    [state.message("50").content, state.message("50").reactions.length, state.message("50").type],
    ["new", 1, 0],
  );
  state.receive("MESSAGE_DELETE", { id: "50", channel_id: "10" });
  state.receive("MESSAGE_DELETE", { id: "50", channel_id: "10" });
  assert.equal(state.message("50"), null);
  assert.equal(heard("gone").length, 1);
});

test("a page of history drops what was deleted meanwhile, and begins anew after a hole", () => {
  const ids = () => state.room("10").list().map((each) => each.id);
  const page = (...all) => all.map((id) => message(id, "10"));
  state.addHistory("10", page("50", "51", "52"), { newest: true, complete: false });
  state.addHistory("10", page("40", "41"), { newest: false, complete: true });
  assert.deepEqual(ids(), ["40", "41", "50", "51", "52"]);
  state.addHistory("10", page("50", "52", "53"), { newest: true, complete: false });
  assert.deepEqual(ids(), ["40", "41", "50", "52", "53"]);
  assert.equal(state.room("10").complete, true);
  state.addHistory("10", page("90", "91"), { newest: true, complete: false });
  assert.deepEqual(ids(), ["90", "91"]);
  assert.equal(state.room("10").complete, false);
  state.addHistory("10", [], { newest: true, complete: true });
  assert.deepEqual(ids(), []);
});

test("a place that goes takes its messages with it", () => {
  state.receive("MESSAGE_CREATE", message("50", "20"));
  state.receive("THREAD_DELETE", { id: "20" });
  assert.equal(state.channels.has("20"), false);
  assert.equal(state.message("50"), null);
  assert.deepEqual(heard("placeGone").map(({ place }) => place.name), ["older"]);
  state.receive("THREAD_DELETE", { id: "20" });
  assert.equal(heard("placeGone").length, 1);
});

test("who types is forgotten when their message comes, and after a while", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
  state.receive("TYPING_START", { channel_id: "10", user_id: "9" });
  state.receive("TYPING_START", { channel_id: "10", user_id: "1" });
  assert.deepEqual(state.typing("10"), ["9"], "not oneself");
  state.receive("MESSAGE_CREATE", message("50", "10"));
  assert.deepEqual(state.typing("10"), []);
  state.receive("TYPING_START", { channel_id: "10", user_id: "9" });
  const told = [];
  state.addEventListener("typing", () => told.push(state.typing("10")));
  t.mock.timers.tick(9_000);
  assert.deepEqual(told, []);
  assert.deepEqual(state.typing("10"), ["9"]);
  t.mock.timers.tick(2_000);
  assert.deepEqual(told.at(-1), []);
});

test("people are called by the name they chose, and an event without a meaning is let be", () => {
  assert.equal(displayName(MIRA), "Mira");
  assert.equal(displayName({ username: "x" }), "x");
  assert.equal(displayName(undefined), undefined);
  assert.equal(state.userName("77"), "someone");
  assert.equal(state.isModerator(), false);
  assert.equal(isEphemeral({ flags: 64 }), true);
  assert.equal(isEphemeral({}), false);
  state.receive("SOMETHING_NEW", {});
});

test("a provider's mishap is told to every page", () => {
  state.mishaps = { choices: ["fail"], next: null, companies: { LTX: null } };
  state.receive("MISHAP", { next: "fail", companies: { LTX: "fail" } });
  assert.deepEqual(state.mishaps, {
    choices: ["fail"],
    next: "fail",
    companies: { LTX: "fail" },
  });
  state.mishaps = null;
  state.receive("MISHAP", { next: "fail", companies: {} });
  assert.equal(state.mishaps, null, "where nothing is imitated");
});
