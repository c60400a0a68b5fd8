// The emoji this page can draw by itself, and how text and reactions show them.

import { drawing, el } from "../controls/dom.js";

// [what Discord calls it on the wire, its drawing in emoji.svg, its name, more words to find it by]
const DRAWN = [
  ["👍", "thumbs-up", "thumbs up", "yes good like"],
  ["👎", "thumbs-down", "thumbs down", "no bad dislike"],
  ["❤️", "heart", "heart", "love"],
  ["🔥", "fire", "fire", "hot great"],
  ["👏", "clap", "clapping hands", "bravo"],
  ["🎉", "party", "party popper", "hooray"],
  ["🔁", "repeat", "repeat", "retake again loop"],
  ["⏩", "fast-forward", "fast forward", "extend longer"],
  ["⏪", "rewind", "rewind", "back"],
  ["⭐", "star", "star", "favourite favorite"],
  ["✅", "check-mark", "check mark", "approve done yes"],
  ["❌", "cross-mark", "cross mark", "cancel delete no"],
  ["✉️", "envelope", "envelope", "mail send direct message"],
  ["👀", "eyes", "eyes", "look"],
  ["😂", "joy", "tears of joy", "laugh funny"],
  ["🙂", "smiling", "smile", "happy"],
  ["😮", "surprised", "surprised", "wow"],
  ["😢", "crying", "crying", "sad"],
  ["🤔", "thinking", "thinking", "hmm"],
  ["🎬", "clapper", "clapper board", "film action"],
  ["🎞️", "film", "film frames", "video"],
  ["🎥", "movie-camera", "movie camera", "video"],
  ["🖼️", "picture", "framed picture", "image"],
  ["🔊", "speaker", "speaker", "sound loud"],
  ["🎵", "note", "musical note", "music sound"],
  ["▶️", "play", "play", "start"],
  ["⏸️", "pause", "pause", "wait"],
  ["⏹️", "stop", "stop", "end"],
  ["💡", "bulb", "light bulb", "idea"],
  ["✨", "sparkles", "sparkles", "new nice"],
  ["🎨", "palette", "palette", "colour art"],
  ["🚀", "rocket", "rocket", "ship fast"],
  ["⚠️", "warning-sign", "warning", "careful"],
  ["❓", "question", "question mark", "help"],
  ["ℹ️", "info", "information", "details"],
  ["💬", "speech", "speech bubble", "comment talk"],
  ["📌", "pushpin", "pin", "keep"],
  ["✂️", "scissors", "scissors", "cut"],
  ["✏️", "pencil", "pencil", "edit write"],
  ["🗑️", "basket", "waste basket", "delete"],
  ["📥", "inbox", "inbox", "download"],
  ["🔍", "magnifier", "magnifying glass", "search details"],
  ["⏳", "hourglass", "hourglass", "waiting time"],
  ["🪙", "coins", "coin", "money credits price"],
  ["🔒", "padlock", "padlock", "locked private"],
  ["🔔", "bell", "bell", "notify"],
  ["🟢", "circle-green", "green circle", "online"],
  ["🟡", "circle-yellow", "yellow circle", "waiting"],
  ["🔴", "circle-red", "red circle", "stop record"],
  ["🔵", "circle-blue", "blue circle", ""],
  ["🆚", "versus", "versus", "compare"],
  ["🌈", "rainbow", "rainbow", "colour hdr"],
  ["🎲", "die", "die", "random variation"],
  ["💾", "disk", "floppy disk", "save"],
  ["📁", "folder", "folder", "files"],
  ["📤", "outbox", "outbox", "upload posting"],
  ["📦", "parcel", "parcel", "package"],
  ["📨", "incoming", "incoming envelope", "mail"],
  ["🔎", "magnifier", "magnifying glass tilted right", "search details"],
  ["⌛", "hourglass", "hourglass done", "time"],
  ["🚫", "prohibited", "prohibited", "no forbidden"],
  ["✖️", "times", "times", "cancel close"],
  ["📝", "memo", "memo", "write form"],
  ["🙋", "raised-hand", "person raising hand", "ask me"],
  ["⚙️", "gear", "gear", "settings set up"],
  ["💸", "money-wings", "money with wings", "spent cost"],
  ["↩️", "back-arrow", "arrow curving left", "undo back"],
  ["📄", "page", "page", "file document"],
  ["📍", "place-pin", "round pin", "place where"],
  ["👥", "people", "people", "who team"],
  ["💳", "card", "credit card", "money budget"],
  ["🚦", "traffic-light", "traffic light", "queue"],
  ["🧵", "thread", "thread", "discussion"],
  ["🕰️", "clock", "mantel clock", "time zone"],
  ["🐢", "turtle", "turtle", "slow"],
  ["⏫", "fast-up", "fast up", "first top"],
  ["🦊", "fox", "fox", "animal"],
];

// A text may or may not carry the "show as picture" mark U+FE0F; both mean the same.
const plain = (text) => text.replaceAll("\uFE0F", "");

const byText = new Map(DRAWN.map(([text, symbol, name]) => [plain(text), { text, symbol, name }]));

/** All emoji of the picker: {text, name, words}. */
export const EMOJI = DRAWN.map(([text, , name, more]) => ({
  text,
  name,
  words: `${name} ${more}`,
}));

/** The ones offered first, one click away. */
export const QUICK = ["👍", "🔁", "⏩", "⭐", "❌"];

/** What people call an emoji, for labels: its name, or the emoji itself. */
export function emojiName(text) {
  return byText.get(plain(text))?.name ?? text;
}

/** An emoji as an element: our drawing, or the character for the reader's own font. */
export function emojiElement(text, className = "emoji") {
  const known = byText.get(plain(text));
  if (!known) {
    return el("span", { class: `${className} emoji-text` }, text);
  }
  return el(
    "span",
    {
      class: className,
      role: "img",
      "aria-label": known.name,
      title: known.name,
      data: { text: known.text },
    },
    drawing("/page/drawings/emoji.svg", known.symbol, "emoji-drawing"),
  );
}

/** Discord's partial emoji (of a button, option or reaction) as an element; null when there is none. */
export function partialEmoji(emoji) {
  return emoji?.name ? emojiElement(emoji.name) : null;
}

const longestFirst = [...byText.keys()].sort((a, b) => b.length - a.length);
const FIND = new RegExp(`(${longestFirst.join("|")})\uFE0F?`, "u");

/** A text cut into strings and emoji elements. */
export function withEmoji(text) {
  const pieces = [];
  let rest = text;
  for (let found = FIND.exec(rest); found; found = FIND.exec(rest)) {
    pieces.push(rest.slice(0, found.index), emojiElement(found[0]));
    rest = rest.slice(found.index + found[0].length);
  }
  pieces.push(rest);
  return pieces.filter((piece) => piece !== "");
}

/** True for a message of a few emoji and nothing else: those are shown large. */
export function onlyEmoji(text) {
  const without = plain(text).replace(/[\p{Extended_Pictographic}\u200D\s]/gu, "");
  return text.trim() !== "" && without === "" && [...text].length <= 27;
}
