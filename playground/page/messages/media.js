// Pictures, clips, sounds and files: of attachments, embeds and galleries.

import { el, icon, iconButton } from "../controls/dom.js";
import { showPicture } from "./lightbox.js";
import { state } from "../app/state.js";

const WIDEST = 520;
const HIGHEST = 360;

/** Where the page may load a file from: the playground itself, or null for any other address. */
function ownAddress(url) {
  let address;
  try {
    address = new URL(url, location.href);
  } catch {
    return null;
  }
  if (address.origin !== location.origin && address.origin !== state.origin) {
    return null;
  }
  // The playground may be reached under another name (localhost, a forwarded port): ask it where we are.
  return address.pathname + address.search;
}

/** The same for two signed addresses of one file. */
function fileOf(url) {
  return url.split("?")[0];
}

/**
 * "image", "video", "audio" or "file".
 *
 * @param {{content_type?: string, filename?: string, url?: string}} item
 */
function kindOf({ content_type: type, filename, url }) {
  const family = /^(image|video|audio)\//.exec(type ?? "")?.[1];
  if (family) {
    return family;
  }
  const name = (filename ?? fileOf(url ?? "")).toLowerCase();
  if (/\.(png|jpe?g|gif|webp|avif)$/.test(name)) {
    return "image";
  }
  if (/\.(mp4|webm|mov|m4v)$/.test(name)) {
    return "video";
  }
  return /\.(mp3|wav|ogg|opus|m4a|aac|flac)$/.test(name) ? "audio" : "file";
}

/** "3.4 MB". */
export function sizeText(bytes) {
  if (bytes === null || bytes === undefined) {
    return "";
  }
  const units = ["bytes", "KB", "MB", "GB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/**
 * A media item as an element. `item`: {url, filename?, content_type?, width?, height?, size?,
 * description?, spoiler?}. `message` is asked for fresh addresses when this one has expired.
 */
export function mediaElement(item, { message = null, fill = false } = {}) {
  const address = ownAddress(item.url);
  if (!address) {
    return foreign(item);
  }
  const kind = kindOf(item);
  const make = { image: picture, video: clip, audio: sound, file: fileCard }[kind];
  const element = make(item, address, { message, fill });
  return item.spoiler ? covered(element) : element;
}

function foreign(item) {
  const host = /^https?:\/\/([^/]+)/.exec(item.url)?.[1];
  if (!host) {
    return el(
      "p",
      { class: "media-missing" },
      icon("warning"),
      "This file is no longer in the message.",
    );
  }
  return el(
    "a",
    {
      class: "media-foreign",
      href: item.url,
      target: "_blank",
      rel: "noopener noreferrer nofollow",
    },
    icon("external"),
    `A file on ${host}`,
  );
}

/** Keeps room for what is still loading, so that nothing jumps. */
function reserve(element, item, fill) {
  if (!item.width || !item.height) {
    return;
  }
  element.setAttribute("width", item.width);
  element.setAttribute("height", item.height);
  if (!fill) {
    const scale = Math.min(1, WIDEST / item.width, HIGHEST / item.height);
    element.style.setProperty("--shown-width", `${Math.round(item.width * scale)}px`);
    element.style.setProperty("aspect-ratio", `${item.width} / ${item.height}`);
  }
}

function picture(item, address, { message, fill }) {
  const image = el("img", {
    src: address,
    alt: item.description ?? "",
    loading: "lazy",
    decoding: "async",
  });
  reserve(image, item, fill);
  onceBroken(image, item, message);
  const label = item.description
    ? `Open the picture: ${item.description}`
    : `Open the picture ${item.filename ?? ""}`;
  const open = () =>
    showPicture({
      address: image.getAttribute("src"),
      alt: item.description ?? "",
      name: item.filename ?? "picture",
    });
  return el(
    "button",
    { type: "button", class: "media media-image", "aria-label": label, on: { click: open } },
    image,
  );
}

function clip(item, address, { message, fill }) {
  const video = el("video", {
    class: "media media-video",
    src: address,
    controls: true,
    playsinline: true,
    preload: "metadata",
    "aria-label": item.description ?? item.filename ?? "Video",
    title: item.description,
    data: { file: fileOf(address) },
  });
  reserve(video, item, fill);
  onceBroken(video, item, message);
  video.addEventListener("play", () => pauseOthers(video));
  return video;
}

function sound(item, address, { message }) {
  const audio = el("audio", {
    src: address,
    controls: true,
    preload: "metadata",
    data: { file: fileOf(address) },
  });
  onceBroken(audio, item, message);
  audio.addEventListener("play", () => pauseOthers(audio));
  return el(
    "div",
    { class: "media file-card file-sound" },
    fileLine(item, address, "sound"),
    audio,
  );
}

function fileCard(item, address) {
  return el("div", { class: "media file-card" }, fileLine(item, address, "file"));
}

function fileLine(item, address, iconName) {
  const name = item.filename ?? decodeURIComponent(fileOf(address).split("/").at(-1));
  return el(
    "div",
    { class: "file-line" },
    icon(iconName),
    el(
      "div",
      { class: "file-names" },
      el("a", { href: address, download: name }, name),
      el("span", { class: "file-size" }, sizeText(item.size)),
    ),
    el(
      "a",
      {
        class: "icon-button",
        href: address,
        download: name,
        "aria-label": `Download ${name}`,
        title: "Download",
      },
      icon("download"),
    ),
  );
}

function pauseOthers(playing) {
  for (const other of document.querySelectorAll("video, audio")) {
    if (other instanceof HTMLMediaElement && other !== playing) {
      other.pause();
    }
  }
}

/** A signed address lives a day: when it fails, the message is read again for a fresh one, once. */
function onceBroken(element, item, message) {
  element.addEventListener(
    "error",
    () => {
      if (message) {
        state.dispatchEvent(
          new CustomEvent("expired", { detail: { message, file: fileOf(item.url) } }),
        );
      }
    },
    { once: true },
  );
}

function covered(element) {
  const box = el("div", { class: "covered" }, element);
  element.inert = true;
  const uncover = (event) => {
    element.inert = false;
    box.classList.add("shown");
    const inner = element.matches("button, video") ? element : element.querySelector("a, button");
    inner?.focus({ preventScroll: true });
    event.currentTarget.remove();
  };
  box.append(el("button", { type: "button", class: "cover", on: { click: uncover } }, "Spoiler"));
  return box;
}

/** A message's attachments, pictures and clips side by side, files below. */
export function attachmentList(message, hidden = new Set()) {
  const shown = (message.attachments ?? []).filter((each) => !hidden.has(each.id));
  const visual = shown.filter((each) => ["image", "video"].includes(kindOf(each)));
  const rest = shown.filter((each) => !visual.includes(each));
  const items = visual.map(attachmentItem);
  return [
    items.length > 1 &&
      el(
        "div",
        { class: "gallery", data: { count: Math.min(items.length, 4) } },
        items.map((item) => galleryCell(item, message)),
      ),
    items.length === 1 && mediaElement(items[0], { message }),
    ...rest.map((each) => mediaElement(attachmentItem(each), { message })),
  ].filter(Boolean);
}

function attachmentItem(attachment) {
  const spoiler =
    attachment.filename?.startsWith("SPOILER_") || ((attachment.flags ?? 0) & 8) !== 0;
  return { ...attachment, spoiler };
}

/** One cell of a gallery; the alt text can be read by all, not only by a screen reader. */
export function galleryCell(item, message) {
  return el(
    "div",
    { class: "gallery-cell" },
    mediaElement(item, { message, fill: true }),
    item.description && altBadge(item.description),
  );
}

function altBadge(text) {
  const note = el("span", { class: "alt-text", hidden: true }, text);
  const show = () => {
    note.hidden = !note.hidden;
  };
  return el(
    "span",
    { class: "alt" },
    el(
      "button",
      {
        type: "button",
        class: "alt-button",
        "aria-label": "Show the description",
        on: { click: show },
      },
      "ALT",
    ),
    note,
  );
}

/** A file that is about to be sent, with its own preview. */
export function draftFile(file, remove) {
  const kind = kindOf({ content_type: file.type, filename: file.name });
  const preview =
    kind === "image"
      ? el("img", { src: URL.createObjectURL(file), alt: "" })
      : icon(kind === "audio" ? "sound" : "file");
  if (kind === "image") {
    preview.addEventListener("load", () => URL.revokeObjectURL(preview.src), { once: true });
  }
  return el(
    "li",
    { class: "draft-file" },
    el("span", { class: "draft-preview" }, preview),
    el(
      "span",
      { class: "draft-name" },
      file.name,
      el("span", { class: "file-size" }, sizeText(file.size)),
    ),
    iconButton("close", `Remove ${file.name}`, remove),
  );
}
