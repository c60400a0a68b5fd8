// Markdown as elements. Every word of a user goes in as text; a link only ever leads to http(s).

import { el, icon } from "../controls/dom.js";
import { onlyEmoji, withEmoji } from "./emoji.js";
import { parse, parseInline } from "./markdown.js";
import { goTo, placeOfLink } from "../app/navigation.js";
import { isThread, state } from "../app/state.js";
import { timestamp } from "./times.js";
import { toast } from "../controls/toast.js";

/** A text of several lines; `small` for places where headings would shout. */
export function richText(text, className = "text") {
  const box = el("div", { class: className }, parse(text).map(block));
  if (onlyEmoji(text)) {
    box.classList.add("jumbo");
  }
  return box;
}

/** A text of one line: titles, names of fields, previews. */
export function richLine(text) {
  return inline(parseInline(text));
}

function block(node) {
  switch (node.type) {
    case "heading":
      // The page has its own h1 and h2; a message begins below them.
      return el(`h${node.level + 2}`, { class: `md-h${node.level}` }, inline(node.parts));
    case "subtext":
      return el("p", { class: "md-subtext" }, inline(node.parts));
    case "quote":
      return el("blockquote", {}, node.blocks.map(block));
    case "code":
      return el(
        "pre",
        { tabindex: "0" },
        el("code", { data: { language: node.language } }, node.text),
      );
    case "list":
      return list(node);
    default:
      return el("p", {}, inline(node.parts));
  }
}

function list(node) {
  const items = node.items.map((item) =>
    el("li", {}, inline(item.parts), item.list && list(item.list)),
  );
  return el(node.ordered ? "ol" : "ul", { start: node.first }, items);
}

function inline(parts) {
  return parts.flatMap((part) => (typeof part === "string" ? lines(part) : [inlinePart(part)]));
}

function lines(text) {
  return text
    .split("\n")
    .flatMap((line, index) => (index === 0 ? withEmoji(line) : [el("br"), ...withEmoji(line)]));
}

function inlinePart(part) {
  switch (part.type) {
    case "bold":
      return el("strong", {}, inline(part.parts));
    case "italic":
      return el("em", {}, inline(part.parts));
    case "underline":
      return el("u", {}, inline(part.parts));
    case "strike":
      return el("s", {}, inline(part.parts));
    case "spoiler":
      return spoiler(part);
    case "code":
      return el("code", { class: "md-code" }, part.text);
    case "link":
      return link(
        part.url,
        inline(part.parts),
        part.parts.length === 1 && part.parts[0] === part.url,
      );
    case "user":
      return userPill(part);
    case "role":
      return el("span", { class: "pill" }, named(part));
    case "channel":
      return placePill(part);
    case "command":
      return commandPill(part);
    case "everyone":
      return el("span", { class: "pill pill-me" }, part.text);
    case "time":
      return timestamp(part.at, part.style);
    default:
      return el("span", {}, `:${part.name}:`);
  }
}

function spoiler(part) {
  const hidden = el("span", { class: "spoiler-words" }, inline(part.parts));
  const box = el(
    "span",
    { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Spoiler, show it" },
    hidden,
  );
  const show = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") {
      return;
    }
    if (!box.classList.contains("shown")) {
      event.preventDefault();
      event.stopPropagation();
      box.classList.add("shown");
      for (const name of ["role", "tabindex", "aria-label"]) {
        box.removeAttribute(name);
      }
    }
  };
  box.addEventListener("click", show, true);
  box.addEventListener("keydown", show);
  return box;
}

/** A link; one into this server stays on the page. `bare`: the words are the address itself. */
export function link(url, words, bare = false) {
  const target = placeOfLink(url);
  if (target && state.channels.has(target.place)) {
    const label = bare ? messageLinkLabel(target) : words;
    return el(
      "a",
      {
        class: bare ? "pill pill-link" : "inner-link",
        href: url,
        on: { click: (event) => follow(event, target) },
      },
      label,
    );
  }
  return el(
    "a",
    { href: url, target: "_blank", rel: "noopener noreferrer nofollow", title: bare ? null : url },
    words,
  );
}

function messageLinkLabel(target) {
  const place = state.channels.get(target.place);
  return [...marked(place), target.message && " › message"].filter(Boolean);
}

/** A place's sign and its name. No line ends after the sign, unless the first word fills one. */
function marked(place) {
  const sign = icon(isThread(place) ? "thread" : "hash");
  const [first] = /^\S{0,24}(?=\s|$)|/.exec(place.name);
  return [el("span", { class: "pill-sign" }, sign, first), place.name.slice(first.length)];
}

function follow(event, target) {
  event.preventDefault();
  openPlace(target.place, target.message);
}

/** Go to a place or message, or say that it is gone. */
export function openPlace(id, message = null) {
  if (!goTo(id, { message })) {
    toast("That channel or thread is gone, or you can't see it.");
  }
}

/** What somebody reads of a person, a role, a channel or a command that a text names. */
export function named(part) {
  switch (part.type) {
    case "user":
      return `@${state.userName(part.id)}`;
    case "role": {
      const role = state.guild.roles.find((each) => each.id === part.id);
      return `@${role?.name.replace(/^@/, "") ?? "unknown role"}`;
    }
    case "channel":
      return `#${state.channels.get(part.id)?.name ?? "no-access"}`;
    case "command":
      return `/${part.name}`;
    default:
      return part.name;
  }
}

function userPill(part) {
  const me = part.id === state.you?.id;
  return el(
    "span",
    { class: me ? "pill pill-me" : "pill", data: { user: part.id } },
    named(part),
  );
}

function placePill(part) {
  const place = state.channels.get(part.id);
  if (!place) {
    return el("span", { class: "pill" }, named(part));
  }
  return el(
    "button",
    { type: "button", class: "pill pill-link", on: { click: () => openPlace(part.id) } },
    ...marked(place),
  );
}

function commandPill(part) {
  const text = named(part);
  const useIt = () =>
    state.dispatchEvent(new CustomEvent("tryText", { detail: { text, choose: true } }));
  return el(
    "button",
    { type: "button", class: "pill pill-link", title: `Use ${text}`, on: { click: useIt } },
    text,
  );
}
