// Embeds: the framed boxes that bots write.

import { el } from "../controls/dom.js";
import { mediaElement } from "./media.js";
import { link, richLine, richText } from "../text/text.js";
import { messageTime } from "../text/times.js";

/** One embed of a message. `attachment://` addresses are looked up among its files. */
export function embedElement(embed, message) {
  const box = el(
    "article",
    { class: "embed" },
    el(
      "div",
      { class: "embed-body" },
      embed.author?.name &&
        el("p", { class: "embed-author" }, linked(embed.author.url, [embed.author.name])),
      embed.title && el("h3", { class: "embed-title" }, linked(embed.url, richLine(embed.title))),
      embed.description && richText(embed.description),
      fields(embed.fields ?? []),
    ),
    embed.thumbnail && el("div", { class: "embed-thumbnail" }, media(embed.thumbnail, message)),
    (embed.image ?? embed.video) &&
      el("div", { class: "embed-image" }, media(embed.image ?? embed.video, message)),
    footer(embed),
  );
  box.style.setProperty("--accent", colour(embed.color));
  return box;
}

/** A colour of Discord's (a number) for CSS; the frame's own when there is none. */
export function colour(number) {
  return number === null || number === undefined
    ? "var(--line-strong)"
    : `#${number.toString(16).padStart(6, "0")}`;
}

function linked(url, words) {
  return /^https?:\/\//.test(url ?? "") ? link(url, words) : words;
}

function fields(list) {
  if (list.length === 0) {
    return null;
  }
  return el(
    "dl",
    { class: "embed-fields" },
    list.map((field) =>
      el(
        "div",
        { class: field.inline ? "embed-field embed-field-inline" : "embed-field" },
        el("dt", {}, richLine(field.name)),
        el("dd", {}, richText(field.value)),
      ),
    ),
  );
}

function footer(embed) {
  if (!embed.footer?.text && !embed.timestamp) {
    return null;
  }
  return el(
    "footer",
    { class: "embed-footer" },
    embed.footer?.text,
    embed.footer?.text && embed.timestamp && " • ",
    embed.timestamp && messageTime(embed.timestamp),
  );
}

function media(item, message) {
  return mediaElement(resolve(item, message), { message });
}

/** An item whose `attachment://name` is replaced by that attachment of the message. */
export function resolve(item, message) {
  const name = /^attachment:\/\/(.+)$/.exec(item.url ?? "")?.[1];
  const attachments = message.attachments ?? [];
  const found = attachments.find((each) =>
    name ? each.filename === name : each.id === item.attachment_id,
  );
  return found
    ? { ...found, ...item, url: found.url, description: item.description ?? found.description }
    : item;
}
