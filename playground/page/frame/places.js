// The list of channels, with their threads below them.

import { el, icon } from "../controls/dom.js";
import { walk } from "../controls/focus.js";
import { goTo, place } from "../app/navigation.js";
import { displayName, DM, isThread, state } from "../app/state.js";

const FEW = 5; // threads shown under a channel before "show all"
const VIEW_CHANNEL = 1n << 10n;

const opened = new Set(); // channels whose threads are all shown

/** What a place is called: its name, or for a direct message the other person's. */
export function placeName(channel) {
  if (channel.name) {
    return channel.name;
  }
  const others = (channel.recipients ?? []).filter((user) => user.id !== state.you?.id);
  return others.map(displayName).join(", ") || state.bot.name;
}

/** The icon name for a place. */
export function placeIcon(channel) {
  if (isThread(channel)) {
    return channel.thread_metadata?.archived ? "archive" : "thread";
  }
  if (channel.type === DM) {
    return "at";
  }
  return isPrivate(channel) ? "lock" : "hash";
}

function isPrivate(channel) {
  const everyone = (channel.permission_overwrites ?? []).find(
    (overwrite) => overwrite.id === state.guild.id,
  );
  return everyone !== undefined && (BigInt(everyone.deny) & VIEW_CHANNEL) !== 0n;
}

/** Draw the list into `frame`; `onGo()` is called after a place was chosen. */
export function drawPlaces(frame, onGo) {
  const active = /** @type {HTMLElement} */ (document.activeElement);
  const focused = frame.contains(active) ? active.dataset.key : null;
  const channels = state.channelList();
  const direct = channels.filter((channel) => channel.type === DM);
  const rest = channels.filter((channel) => channel.type !== DM);
  frame.replaceChildren(
    section("Channels", rest, onGo),
    ...(direct.length > 0 ? [section("Direct messages", direct, onGo)] : []),
  );
  frame.onkeydown = (event) => {
    walk(event, [...frame.querySelectorAll("button")], ["ArrowDown", "ArrowUp"]);
  };
  if (focused) {
    const again =
      frame.querySelector(`[data-key="${CSS.escape(focused)}"]`) ??
      frame.querySelector('[aria-current="page"]');
    again?.focus({ preventScroll: true });
  }
  function section(title, list, go) {
    return el(
      "section",
      { class: "place-section", "aria-label": title },
      el("h3", {}, title),
      el(
        "ul",
        {},
        list.map((channel) => channelItem(channel, go, () => drawPlaces(frame, onGo))),
      ),
    );
  }
}

function channelItem(channel, onGo, redraw) {
  const threads = state.threadList(channel.id);
  const isOpen = opened.has(channel.id);
  const live = threads.filter((thread) => !thread.thread_metadata?.archived);
  const few = live.filter((thread, index) => index < FEW || state.unread.has(thread.id));
  const here = threads.find((thread) => thread.id === place());
  const shown = isOpen ? [...live, ...threads.filter((thread) => !live.includes(thread))] : few;
  if (here && !shown.includes(here)) {
    shown.push(here);
  }
  const hidden = threads.length - shown.length;
  const toggle = () => {
    opened[isOpen ? "delete" : "add"](channel.id);
    redraw();
  };
  const button =
    (hidden > 0 || isOpen) && threads.length > 0
      ? el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              class: "place-more",
              "aria-expanded": isOpen ? "true" : "false",
              data: { key: `more ${channel.id}` },
              on: { click: toggle },
            },
            icon("down"),
            isOpen
              ? "Show fewer threads"
              : `Show ${hidden} more ${hidden === 1 ? "thread" : "threads"}`,
          ),
        )
      : null;
  return el(
    "li",
    {},
    placeButton(channel, onGo),
    threads.length > 0 &&
      el(
        "ul",
        { class: "threads", "aria-label": `Threads of ${placeName(channel)}` },
        shown.map((thread) => el("li", {}, placeButton(thread, onGo))),
        button,
      ),
  );
}

function placeButton(channel, onGo) {
  const isHere = channel.id === place();
  const unread = state.unread.get(channel.id);
  const go = () => {
    goTo(channel.id);
    onGo();
  };
  const name = placeName(channel);
  const news = unread === undefined ? "" : unread > 0 ? `, ${unread} for you` : ", new messages";
  const look = [
    "place",
    isHere && "here",
    unread !== undefined && "unread",
    isThread(channel) && "place-thread",
  ];
  return el(
    "button",
    {
      type: "button",
      class: look.filter(Boolean).join(" "),
      "aria-current": isHere ? "page" : null,
      "aria-label": name + news,
      title: name,
      data: { key: channel.id, place: channel.id },
      on: { click: go },
    },
    icon(placeIcon(channel)),
    el("span", { class: "place-name" }, name),
    unread > 0 && el("span", { class: "badge", "aria-hidden": "true" }, String(unread)),
  );
}
