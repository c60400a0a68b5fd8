// Message components, old rows and Components V2, as elements.

import { choose, clickButton } from "../net/actions.js";
import { el, icon } from "../controls/dom.js";
import { partialEmoji } from "../text/emoji.js";
import { colour, resolve } from "./embed.js";
import { galleryCell, mediaElement } from "./media.js";
import { placeOfLink } from "../app/navigation.js";
import { perform } from "../net/outcome.js";
import { selectElement } from "../controls/select.js";
import { state } from "../app/state.js";
import { openPlace, richText } from "../text/text.js";

const KIND = {
  ROW: 1,
  BUTTON: 2,
  STRING_SELECT: 3,
  USER_SELECT: 5,
  ROLE_SELECT: 6,
  MENTIONABLE_SELECT: 7,
  CHANNEL_SELECT: 8,
  SECTION: 9,
  TEXT: 10,
  THUMBNAIL: 11,
  GALLERY: 12,
  FILE: 13,
  SEPARATOR: 14,
  CONTAINER: 17,
};

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };
const LINK = 5;

// What this person chose last in a select, kept while the message is shown: "message/custom_id" -> values.
const choices = new Map();

/** One component of a message, with everything in it. */
export function componentElement(component, message) {
  const children = () =>
    (component.components ?? []).map((child) => componentElement(child, message));
  switch (component.type) {
    case KIND.ROW:
      return el("div", { class: "row" }, children());
    case KIND.BUTTON:
      return button(component, message);
    case KIND.STRING_SELECT:
    case KIND.USER_SELECT:
    case KIND.ROLE_SELECT:
    case KIND.MENTIONABLE_SELECT:
    case KIND.CHANNEL_SELECT:
      return select(component, message);
    case KIND.SECTION:
      return el(
        "div",
        { class: "section" },
        el("div", { class: "section-body" }, children()),
        component.accessory &&
          el("div", { class: "section-accessory" }, componentElement(component.accessory, message)),
      );
    case KIND.TEXT:
      return richText(component.content);
    case KIND.THUMBNAIL:
      return el(
        "div",
        { class: "thumbnail" },
        mediaElement(mediaItem(component.media, component, message), { message, fill: true }),
      );
    case KIND.GALLERY:
      return gallery(component, message);
    case KIND.FILE:
      return mediaElement(
        { ...fileItem(component, message), content_type: "application/octet-stream" },
        { message },
      );
    case KIND.SEPARATOR:
      return el("hr", {
        class: component.spacing === 2 ? "separator separator-large" : "separator",
        data: { line: component.divider === false ? "no" : "yes" },
      });
    case KIND.CONTAINER:
      return container(component, children());
    default:
      return el("p", { class: "media-missing" }, "This part of the message can't be shown here.");
  }
}

function button(component, message) {
  const label = component.label ?? "";
  const content = [partialEmoji(component.emoji), label && el("span", {}, label)];
  const attributes = {
    class: `button button-${STYLES[component.style] ?? "secondary"}`,
    "aria-label": label || component.emoji?.name,
    data: { key: component.custom_id ?? component.url },
  };
  if (component.style === LINK) {
    return linkButton(component, attributes, content);
  }
  const press = () => perform(message, element, () => clickButton(message, component.custom_id));
  const element = el(
    "button",
    { type: "button", disabled: component.disabled, on: { click: press }, ...attributes },
    content,
  );
  return element;
}

function linkButton(component, attributes, content) {
  if (!/^https?:\/\//.test(component.url ?? "") || component.disabled) {
    return el("button", { type: "button", disabled: true, ...attributes }, content);
  }
  const target = placeOfLink(component.url);
  const follow = (event) => {
    event.preventDefault();
    openPlace(target.place, target.message);
  };
  const inside = target && state.channels.has(target.place);
  return el(
    "a",
    {
      href: component.url,
      target: "_blank",
      rel: "noopener noreferrer nofollow",
      on: inside ? { click: follow } : {},
      ...attributes,
    },
    content,
    inside ? null : icon("external"),
  );
}

function select(component, message) {
  const key = `${message.id}/${component.custom_id}`;
  const element = selectElement(component, {
    chosen: choices.get(key) ?? null,
    onChange: (values) => {
      choices.set(key, values);
      perform(message, element, () => choose(message, component.custom_id, values));
    },
  });
  return element;
}

function gallery(component, message) {
  const items = (component.items ?? []).map((item) => mediaItem(item.media, item, message));
  if (items.length === 1) {
    const [only] = items;
    return el("div", { class: "gallery-one" }, mediaElement(only, { message }));
  }
  return el(
    "div",
    { class: "gallery", data: { count: Math.min(items.length, 4) } },
    items.map((item) => galleryCell(item, message)),
  );
}

function mediaItem(media, { description, spoiler }, message) {
  return { ...resolve({ ...media, description }, message), spoiler };
}

function fileItem(component, message) {
  const found = resolve(component.file, message);
  return {
    ...found,
    filename: component.name ?? found.filename,
    size: component.size ?? found.size,
    spoiler: component.spoiler,
  };
}

function container(component, children) {
  const box = el("div", { class: "container" }, children);
  if (component.accent_color !== null && component.accent_color !== undefined) {
    box.classList.add("container-accent");
    box.style.setProperty("--accent", colour(component.accent_color));
  }
  if (component.spoiler) {
    const cover = el("button", { type: "button", class: "cover" }, "Spoiler");
    const outer = el("div", { class: "covered" }, box, cover);
    box.inert = true;
    cover.addEventListener("click", () => {
      box.inert = false;
      (box.querySelector("button, a, video") ?? cover.closest(".message"))?.focus({
        preventScroll: true,
      });
      cover.remove();
    });
    return outer;
  }
  return box;
}

/** The attachments that a Components V2 message shows itself; the others stay hidden there. */
export function isLayout(message) {
  return ((message.flags ?? 0) & (1 << 15)) !== 0;
}
