// Who looks at which place; kept in the address, so that reload and "back" work.

import { isThread, state } from "./state.js";

let current = null;
let loadUntil = null;

/** The id of the channel or thread that is shown; null before the first HELLO. */
export function place() {
  return current;
}

/** The channel or thread that is shown. */
export function placeHere() {
  return state.channels.get(current) ?? null;
}

/** Give the function that loads history until a message is there and shows it. */
export function onJump(load) {
  loadUntil = load;
}

/** {person, place} as the address says; each may be null. */
export function fromAddress() {
  const [, person, id] = /^#\/([\w-]*)(?:\/(\d+))?$/.exec(location.hash) ?? [];
  return { person: person || null, place: id ?? null };
}

/** Show a place. `message` is scrolled to. `replace` leaves no step for "back". */
export function goTo(id, { message = null, replace = false } = {}) {
  if (!state.channels.has(id)) {
    return false;
  }
  const changed = id !== current;
  current = id;
  const address = `#/${personInAddress()}/${id}`;
  if (location.hash !== address) {
    history[replace ? "replaceState" : "pushState"](null, "", address);
  }
  if (changed) {
    state.dispatchEvent(new CustomEvent("place", { detail: { place: id } }));
  }
  if (message) {
    loadUntil?.(id, message);
  }
  return true;
}

/** The place to show when nothing better is known: the first channel. */
export function firstPlace() {
  return state.channelList()[0]?.id ?? null;
}

/** Where to go when a place has gone: its channel if it was a thread, else the first channel. */
export function refuge(gone) {
  return isThread(gone) && state.channels.has(gone.parent_id) ? gone.parent_id : firstPlace();
}

/** Forget the place; another person may not see it. */
export function leave() {
  current = null;
}

/** Write who looks into the address. */
export function rememberPerson(name) {
  history.replaceState(null, "", current ? `#/${name}/${current}` : `#/${name}`);
}

function personInAddress() {
  return (
    state.people.find((person) => person.id === state.you?.id)?.name ?? fromAddress().person ?? ""
  );
}

/**
 * {place, message} when the address leads into this server on Discord (a bot's jump links do),
 * else null.
 */
export function placeOfLink(url) {
  const found = /^https:\/\/(?:\w+\.)?discord\.com\/channels\/(\d+)\/(\d+)(?:\/(\d+))?$/.exec(url);
  return found ? { place: found[2], message: found[3] ?? null } : null;
}
