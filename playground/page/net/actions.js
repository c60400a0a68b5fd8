// What a person can do here, each a request to the playground, and what becomes of an interaction.

import { place } from "../app/navigation.js";
import { Refused } from "./socket.js";
import { isThread, state } from "../app/state.js";
import { toast } from "../controls/toast.js";

let socket = null;
let lastNonce = 0;

// nonce -> who waits for that interaction's outcome
const waiting = new Map();

/** Use this socket from now on. */
export function connectActions(newSocket) {
  socket = newSocket;
  state.on("interaction", (outcome) => {
    waiting.get(outcome.nonce)?.(outcome);
    waiting.delete(outcome.nonce);
  });
}

/** The line is gone: nobody will tell what became of what was asked. */
export function loseOutcomes() {
  for (const resolve of waiting.values()) {
    resolve({ state: "unknown" });
  }
  waiting.clear();
}

/**
 * Start an interaction. Resolves once it is on its way, with `{outcome}`: a promise of what became
 * of it: {id, state: "answered" | "failed" | "modal" | "unknown", modal}. Rejects with `Refused`
 * when it could not be started.
 */
async function interact(verb, fields) {
  lastNonce += 1;
  const nonce = `${Date.now()}-${lastNonce}`;
  const outcome = new Promise((resolve) => {
    waiting.set(nonce, resolve);
  });
  try {
    await socket.ask(verb, { ...fields, nonce });
  } catch (error) {
    waiting.delete(nonce);
    throw error;
  }
  // In an object, as a promise in a promise would be waited for.
  return { outcome };
}

export const runCommand = (channel, name, options) =>
  interact("command", { channel, name, options });

export const clickButton = (message, customId) =>
  interact("click", { channel: message.channel_id, message: message.id, custom_id: customId });

export const choose = (message, customId, values) =>
  interact("choose", {
    channel: message.channel_id,
    message: message.id,
    custom_id: customId,
    values,
  });

export const useMenu = (message, name) =>
  interact("menu", { channel: message.channel_id, message: message.id, name });

export const submitModal = (interaction, fields) => interact("submit", { interaction, fields });

export const say = (channel, content, replyTo, uploads) =>
  socket.ask("say", { channel, content, reply_to: replyTo, uploads });

export const history = (channel, before, limit) =>
  socket.ask("history", { channel, before, limit });

export const suggestions = (channel, name, option, value, options) =>
  socket.ask("autocomplete", { channel, name, option, value, options });

/** Add or take back a reaction; what is refused is said. */
export function toggleReaction(message, emoji, mine) {
  const verb = mine ? "unreact" : "react";
  return quietly(socket.ask(verb, { channel: message.channel_id, message: message.id, emoji }));
}

/** Delete a message, or dismiss an ephemeral one; what is refused is said. */
export function deleteMessage(message) {
  return quietly(socket.ask("delete", { channel: message.channel_id, message: message.id }));
}

/** Let the others see that this person writes. Nobody minds if it is not heard. */
export function tellTyping() {
  socket.ask("typing", { channel: place() }).catch(() => {});
}

/** This person sees all that is in the place that is shown. */
export function tellRead() {
  state.markRead(place());
  socket.ask("read", { channel: place() }).catch(() => {});
}

async function quietly(request) {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof Refused)) {
      throw error;
    }
    toast(error.message);
  }
}

/** The sentence for a file above the server's limit. */
export function tooLarge(file) {
  const most = Math.floor(state.limit / 1024 / 1024);
  return `${file.name} is too large: a file may have ${most} MB here.`;
}

/** Send a file to the playground; resolves with its upload id. Rejects with `Refused`. */
export async function upload(file) {
  if (file.size > state.limit) {
    throw new Refused(tooLarge(file));
  }
  const address = new URL("/page/upload", location.href);
  address.searchParams.set("person", socket.person ?? "");
  address.searchParams.set("name", file.name);
  let answer;
  try {
    const response = await fetch(address, { method: "POST", body: file });
    answer = await response.json();
  } catch {
    throw new Refused(`${file.name} could not be sent. Try again in a moment.`);
  }
  if (!answer.upload) {
    throw new Refused(answer.error ?? `${file.name} was not accepted.`);
  }
  return answer.upload;
}

/** True where this person may delete the message. */
export function mayDelete(message) {
  return message.author.id === state.you?.id || state.isModerator();
}

/** True where nobody but a moderator may write. */
export function isClosed(here) {
  return Boolean(here && isThread(here) && here.thread_metadata?.locked && !state.isModerator());
}
