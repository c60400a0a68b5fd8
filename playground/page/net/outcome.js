// What a person sees of an interaction of theirs: waiting, a modal, or that nothing answered.

import { runCommand, useMenu } from "./actions.js";
import { place } from "../app/navigation.js";
import { Refused } from "./socket.js";
import { state } from "../app/state.js";
import { showModal } from "../controls/modal.js";

const NO_ANSWER = "The application did not respond.";
const LOST = "The connection was lost before the answer came. Check before you try again.";

/** message id -> the sentence under it: what was refused or not answered. */
export const failures = new Map();

/** place -> commands on their way: {key, place, label, failed: null | sentence, opener}. */
export const pending = new Map();

let lastKey = 0;

function changedPending(where) {
  state.dispatchEvent(new CustomEvent("pending", { detail: { place: where } }));
}

/** The sentence for an outcome that is not an answer; null for one that is. */
function complaint(outcome) {
  return { failed: NO_ANSWER, unknown: LOST }[outcome.state] ?? null;
}

/** Run `start` for a control of a message; the control shows that it waits. */
export async function perform(message, control, start) {
  failures.delete(message.id);
  control.classList.add("busy");
  control.setAttribute("aria-busy", "true");
  let sentence;
  try {
    const sent = await start();
    const outcome = await sent.outcome;
    sentence = complaint(outcome);
    if (outcome.state === "modal") {
      showModal(outcome, control);
    }
  } catch (error) {
    sentence = sayable(error);
  }
  control.classList.remove("busy");
  control.removeAttribute("aria-busy");
  if (sentence) {
    failures.set(message.id, sentence);
  }
  state.redraw(message.channel_id, message.id);
}

/** Take the sentence under a message away. */
export function forgive(message) {
  failures.delete(message.id);
  state.redraw(message.channel_id, message.id);
}

/** Use a message command ("Apps") on a message; what goes wrong is said in the place itself. */
export async function performMenu(message, name) {
  const line = addLine(name);
  try {
    const sent = await useMenu(message, name);
    await finish(line, sent.outcome);
  } catch (error) {
    fail(line, sayable(error));
  }
}

/**
 * Run a slash command here. Resolves when it is on its way; rejects with `Refused` when Discord's
 * own client would not have sent it. What becomes of it is said in the place itself.
 */
export async function performCommand(name, options) {
  const line = addLine(`/${name}`);
  try {
    const sent = await runCommand(line.place, name, options);
    finish(line, sent.outcome);
  } catch (error) {
    drop(line);
    throw error;
  }
}

/** A line at the end of the place: this was asked for, and is on its way. */
function addLine(label) {
  lastKey += 1;
  const line = {
    key: lastKey,
    place: place(),
    label,
    failed: null,
    opener: document.activeElement,
  };
  pending.set(line.place, [...(pending.get(line.place) ?? []), line]);
  changedPending(line.place);
  state.dispatchEvent(new CustomEvent("sent"));
  return line;
}

async function finish(line, promise) {
  const outcome = await promise;
  const sentence = complaint(outcome);
  if (sentence) {
    fail(line, sentence);
    return;
  }
  drop(line);
  if (outcome.state === "modal") {
    showModal(outcome, line.opener);
  }
}

function fail(line, sentence) {
  line.failed = sentence;
  changedPending(line.place);
}

/** Take a command's line away. */
export function drop(line) {
  pending.set(
    line.place,
    (pending.get(line.place) ?? []).filter((each) => each !== line),
  );
  changedPending(line.place);
}

/** A sentence for whatever was thrown; what is not ours to explain goes on to the console. */
function sayable(error) {
  if (error instanceof Refused) {
    return error.message;
  }
  throw error;
}
