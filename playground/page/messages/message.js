// One message as an element. It is redrawn in parts, so that a clip plays on while a text changes.

import { avatar } from "../frame/avatar.js";
import { componentElement, isLayout } from "./components.js";
import { el, icon, iconButton } from "../controls/dom.js";
import { isLost, remember } from "../controls/focus.js";
import { embedElement } from "./embed.js";
import { emojiElement, emojiName, partialEmoji } from "../text/emoji.js";
import { plainText } from "../text/markdown.js";
import { attachmentList } from "./media.js";
import { place } from "../app/navigation.js";
import { openMessageMenu, openReactionPicker, replyTo } from "./messagemenu.js";
import { failures, forgive } from "../net/outcome.js";
import { deleteMessage, toggleReaction } from "../net/actions.js";
import { displayName, isEphemeral, isThread, state } from "../app/state.js";
import { named, openPlace, richText } from "../text/text.js";
import { fromNow, messageTime, shortTime } from "../text/times.js";

const TYPE = {
  RENAMED: 4,
  PINNED: 6,
  JOINED: 7,
  THREAD: 18,
  REPLY: 19,
  COMMAND: 20,
  STARTER: 21,
  MENU: 23,
};

const FLAG = { SUPPRESS_EMBEDS: 1 << 2, LOADING: 1 << 7 };
const TOGETHER = 7 * 60 * 1000; // ms; messages closer than this stand under one name

/** True when `message` needs no name of its own because it goes on from `previous`. */
export function continues(previous, message) {
  return (
    previous !== null &&
    previous.author.id === message.author.id &&
    isPlain(message) &&
    !isSystem(previous) &&
    isEphemeral(previous) === isEphemeral(message) &&
    !state.channels.has(previous.id) &&
    Date.parse(message.timestamp) - Date.parse(previous.timestamp) < TOGETHER
  );
}

function isPlain(message) {
  return message.type === 0 && !message.message_reference && !usedCommand(message);
}

function isSystem(message) {
  return [TYPE.RENAMED, TYPE.PINNED, TYPE.JOINED, TYPE.THREAD].includes(message.type);
}

// The parts of a message, top to bottom: [name, what it is drawn from, how it is drawn].
/** @type {[string, (message: any) => any, (message: any) => any][]} */
const PARTS = [
  [
    "above",
    (message) => [
      message.type,
      message.interaction,
      message.interaction_metadata,
      message.message_reference,
      reference(message)?.content,
    ],
    above,
  ],
  [
    "content",
    (message) => [message.content, message.edited_timestamp, message.flags, message.type],
    content,
  ],
  ["attachments", (message) => [message.attachments, message.flags], attachments],
  ["embeds", (message) => [message.embeds, message.flags, message.attachments], embeds],
  ["components", (message) => [message.components, message.attachments], components],
  ["reactions", (message) => message.reactions, reactions],
  ["thread", threadOf, threadChip],
  ["below", (message) => [isEphemeral(message), failures.get(message.id) ?? null], below],
];

/** The element of a message. `compact`: without name and picture. */
export function messageElement(message, { compact }) {
  if (isSystem(message)) {
    return systemElement(message);
  }
  const shown = message.type === TYPE.STARTER ? (reference(message) ?? message) : message;
  const body = el("div", { class: "message-body" }, compact ? null : heading(shown));
  const element = el(
    "article",
    {
      class: "message",
      id: `message-${message.id}`,
      tabindex: "-1",
      "aria-label": spoken(shown),
      data: { id: message.id },
    },
    el(
      "div",
      { class: "message-side" },
      compact ? shortTime(message.timestamp) : avatar(shown.author),
    ),
    body,
    toolbar(message),
  );
  element.classList.toggle("compact", compact);
  element.classList.toggle("ephemeral", isEphemeral(message));
  element.classList.toggle("mentions-me", mentionsMe(message));
  element.message = shown;
  element.parts = new Map();
  for (const [name] of PARTS) {
    const part = el("div", { class: `part part-${name}` });
    element.parts.set(name, { element: part, key: null });
    (name === "above" ? element : body).append(part);
  }
  element.prepend(element.parts.get("above").element);
  updateMessage(element, message);
  return element;
}

/** Draw again what has changed, and only that. */
export function updateMessage(element, message) {
  if (!element.parts) {
    element.replaceChildren(...systemElement(message).childNodes);
    return;
  }
  const shown = message.type === TYPE.STARTER ? (reference(message) ?? message) : message;
  element.message = shown;
  element.setAttribute("aria-label", spoken(shown));
  for (const [name, source, draw] of PARTS) {
    const part = element.parts.get(name);
    const key = JSON.stringify(source(shown) ?? null).replace(/\?ex=[^"]*/g, "");
    if (key !== part.key) {
      part.key = key;
      redraw(part.element, draw(shown));
    }
  }
}

/** Fill a part anew; clips already loaded are kept, and so is the focus. */
function redraw(part, children) {
  const active = /** @type {HTMLElement} */ (document.activeElement);
  const hadFocus = part.contains(active);
  const goBack = hadFocus && remember(active);
  const loaded = new Map(
    [...part.querySelectorAll("[data-file]")].map((media) => [media.dataset.file, media]),
  );
  part.replaceChildren(...[children].flat().filter(Boolean));
  for (const media of part.querySelectorAll("[data-file]")) {
    const before = loaded.get(media.dataset.file);
    if (before && !before.error) {
      media.replaceWith(before);
    }
  }
  if (goBack && isLost()) {
    goBack();
  }
}

function mentionsMe(message) {
  return (
    message.mention_everyone || (message.mentions ?? []).some((user) => user.id === state.you?.id)
  );
}

function spoken(message) {
  return `${displayName(message.author)}: ${preview(message).slice(0, 120)}`;
}

function heading(message) {
  return el(
    "header",
    { class: "message-head" },
    el("span", { class: "author" }, displayName(message.author)),
    message.author.bot && el("span", { class: "app-tag" }, "APP"),
    messageTime(message.timestamp),
  );
}

/** The message this one answers or shows, as far as it is known. */
function reference(message) {
  if (message.type === TYPE.STARTER) {
    return message.referenced_message ?? null;
  }
  return state.message(message.message_reference?.message_id) ?? message.referenced_message ?? null;
}

/** {user, name} of the command that this message answers; null for others. */
function usedCommand(message) {
  const used = message.interaction ?? message.interaction_metadata;
  if (!used || ![TYPE.COMMAND, TYPE.MENU].includes(message.type)) {
    return null;
  }
  return {
    user: used.user,
    name: (message.interaction?.name ?? message.interaction_metadata?.name)?.trim() || null,
  };
}

function above(message) {
  const used = usedCommand(message);
  if (used) {
    const name = used.name && (message.type === TYPE.COMMAND ? `/${used.name}` : used.name);
    return el(
      "p",
      { class: "above" },
      avatar(used.user),
      el("span", { class: "above-name" }, displayName(used.user)),
      el("span", {}, name ? "used" : "used a command"),
      name && el("span", { class: "above-command" }, name),
    );
  }
  if (message.type !== TYPE.REPLY && !message.message_reference) {
    return null;
  }
  const answered = reference(message);
  if (!answered) {
    return el("p", { class: "above" }, el("em", {}, "The message this answers was deleted."));
  }
  const show = () => openPlace(answered.channel_id, answered.id);
  return el(
    "button",
    { type: "button", class: "above above-reply", on: { click: show } },
    avatar(answered.author),
    el("span", { class: "above-name" }, displayName(answered.author)),
    el("span", { class: "above-words" }, preview(answered)),
  );
}

/** A message in a few words. */
export function preview(message) {
  const words =
    plainText(message.content ?? "", named) ||
    firstText(message.components ?? []) ||
    message.embeds?.[0]?.title;
  return words || (message.attachments?.length ? "A file" : "A message");
}

function firstText(components) {
  for (const component of components) {
    const words = component.content
      ? plainText(component.content, named)
      : firstText(component.components ?? []);
    if (words) {
      return words;
    }
  }
  return "";
}

function content(message) {
  if ((message.flags ?? 0) & FLAG.LOADING) {
    return el("p", { class: "thinking" }, dots(), `${displayName(message.author)} is thinking…`);
  }
  const edited =
    message.edited_timestamp &&
    el(
      "span",
      { class: "edited", title: `Edited ${fromNow(Date.parse(message.edited_timestamp) / 1000)}` },
      "(edited)",
    );
  if (!message.content) {
    return null;
  }
  const text = richText(message.content);
  if (edited) {
    const last = text.lastElementChild;
    (last?.tagName === "P" ? last : text).append(" ", edited);
  }
  return text;
}

/** Three dots that breathe. */
export function dots() {
  return el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
}

function attachments(message) {
  return isLayout(message) ? null : attachmentList(message, embeddedFiles(message));
}

/** Attachments that an embed shows are not shown twice. */
function embeddedFiles(message) {
  const text = JSON.stringify(message.embeds ?? []);
  const files = (message.attachments ?? []).filter(
    (each) => text.includes(`attachment://${each.filename}`) || text.includes(`/${each.id}/`),
  );
  return new Set(files.map((each) => each.id));
}

function embeds(message) {
  if ((message.flags ?? 0) & FLAG.SUPPRESS_EMBEDS) {
    return null;
  }
  return (message.embeds ?? []).map((embed) => embedElement(embed, message));
}

function components(message) {
  const drawn = (message.components ?? []).map((component) => componentElement(component, message));
  const edited = isLayout(message) && message.edited_timestamp;
  return [...drawn, edited && drawn.length > 0 && el("span", { class: "edited" }, "(edited)")];
}

function reactions(message) {
  const list = message.reactions ?? [];
  if (list.length === 0) {
    return null;
  }
  const add = iconButton(
    "smile",
    "Add a reaction",
    (event) => openReactionPicker(message, event.currentTarget),
    { class: "reaction reaction-add", data: { key: "reaction" } },
  );
  return el(
    "div",
    { class: "reactions" },
    list.map((each) => reactionButton(each, message)),
    isEphemeral(message) ? null : add,
  );
}

function reactionButton({ emoji, count, me }, message) {
  const name = emojiName(emoji.name);
  const others = `${name}, ${count} ${count === 1 ? "reaction" : "reactions"}`;
  return el(
    "button",
    {
      type: "button",
      class: me ? "reaction reaction-mine" : "reaction",
      "aria-pressed": me ? "true" : "false",
      "aria-label": me ? `${others}, yours among them` : others,
      title: name,
      data: { key: `reaction ${emoji.name}` },
      on: { click: () => toggleReaction(message, emoji.name, me) },
    },
    partialEmoji(emoji) ?? emojiElement("❔"),
    el("span", { class: "reaction-count" }, String(count)),
  );
}

/** What the chip under a message says of its thread; null where there is none. */
function threadOf(message) {
  const thread = state.channels.get(message.id);
  if (!thread || !isThread(thread) || thread.id === place()) {
    return null;
  }
  const { archived = false, locked = false } = thread.thread_metadata ?? {};
  return { id: thread.id, name: thread.name, count: thread.message_count ?? 0, archived, locked };
}

function threadChip(message) {
  const thread = threadOf(message);
  if (!thread) {
    return null;
  }
  const count = ["No messages yet", "1 message"][thread.count] ?? `${thread.count} messages`;
  const state_ = thread.locked ? " · locked" : thread.archived ? " · archived" : "";
  return el(
    "button",
    {
      type: "button",
      class: "thread-chip",
      data: { key: "thread" },
      on: { click: () => openPlace(thread.id) },
    },
    icon("thread"),
    el(
      "span",
      { class: "thread-words" },
      el("span", { class: "thread-name" }, thread.name),
      el("span", { class: "thread-count" }, count + state_),
    ),
    el("span", { class: "thread-open" }, "Open"),
  );
}

function below(message) {
  const failed = failures.get(message.id);
  const dismiss = (run) =>
    el("button", { type: "button", class: "text-button", on: { click: run } }, "Dismiss");
  return [
    failed &&
      el(
        "p",
        { class: "failed", role: "alert" },
        icon("warning"),
        failed,
        " ",
        dismiss(() => forgive(message)),
      ),
    isEphemeral(message) &&
      el(
        "p",
        { class: "only-you" },
        icon("eye"),
        "Only you can see this",
        " · ",
        dismiss(() => deleteMessage(message)),
      ),
  ];
}

function systemElement(message) {
  const name = el("strong", {}, displayName(message.author));
  const words = {
    [TYPE.RENAMED]: [
      "thread",
      [name, " changed the name to ", el("strong", {}, message.content ?? "")],
    ],
    [TYPE.PINNED]: ["pin", [name, " pinned a message here."]],
    [TYPE.JOINED]: ["plus", [name, " joined the server."]],
    [TYPE.THREAD]: [
      "thread",
      [name, " started a thread: ", el("strong", {}, message.content ?? "")],
    ],
  }[message.type];
  const thread = message.type === TYPE.THREAD && message.message_reference?.channel_id;
  const pinned = message.type === TYPE.PINNED && message.message_reference?.message_id;
  const open = thread
    ? ["Open it", () => openPlace(thread)]
    : pinned
      ? ["See it", () => openPlace(message.channel_id, pinned)]
      : null;
  return el(
    "article",
    {
      class: "message message-system",
      id: `message-${message.id}`,
      tabindex: "-1",
      data: { id: message.id },
    },
    el("div", { class: "message-side" }, icon(words[0])),
    el(
      "div",
      { class: "message-body" },
      el(
        "p",
        {},
        words[1],
        " ",
        open &&
          el("button", { type: "button", class: "text-button", on: { click: open[1] } }, open[0]),
        " ",
        messageTime(message.timestamp),
      ),
    ),
  );
}

function toolbar(message) {
  if (message.type === TYPE.STARTER) {
    return null;
  }
  const react =
    !isEphemeral(message) &&
    iconButton("smile", "Add a reaction", (event) =>
      openReactionPicker(message, event.currentTarget),
    );
  const reply = !isEphemeral(message) && iconButton("reply", "Reply", () => replyTo(message));
  const more = iconButton("more", "More: apps, copy, delete", (event) =>
    openMessageMenu(message, event.currentTarget),
  );
  return el(
    "div",
    { class: "toolbar", role: "toolbar", "aria-label": "What to do with this message" },
    react,
    reply,
    more,
  );
}
