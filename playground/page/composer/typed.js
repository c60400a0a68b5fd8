// Reads a command typed as text: `prompt:a red fox duration:6`, and values into what Discord sends.

import { OPTION, optionHint } from "./commands.js";

/**
 * Cut the text after a command's name into option:value pairs, in any order. A value goes on until
 * the next option of the command, so it may hold spaces and colons; in "quotes" it may even hold
 * the name of an option. Text before the first option is the text that the command needs, as where
 * one types into Discord's own form. Returns {values: Map(name -> text), problems: [sentence],
 * doubts: [sentence]}; a doubt is a word that looks like an option and is none.
 */
export function readOptions(command, text) {
  const names = new Map(command.options.map((option) => [option.name, option]));
  const values = new Map();
  const problems = [];
  const doubts = [];
  const marks = findMarks(text);
  // "sound: rain" inside a prompt is prose; "sound:on" is an option. Only the first may stand off.
  const known = marks.filter(
    (mark, index) => names.has(mark.name) && (mark.isDirect || index === 0),
  );
  const before = text.slice(0, known[0]?.start ?? text.length).trim();

  const needed = neededText(command);
  const isGiven = known.some((mark) => mark.name === needed?.name);
  if (before !== "" && needed && !isGiven && !looksLikeOption(marks, before)) {
    values.set(needed.name, unquoted(before));
  } else if (before !== "") {
    problems.push(strayText(command, marks, before));
  }
  known.forEach((mark, index) => {
    const end = known[index + 1]?.start ?? text.length;
    const value = text.slice(mark.end, end).trim();
    if (values.has(mark.name)) {
      problems.push(`${mark.name} is given twice. Give it once.`);
    } else if (value !== "") {
      values.set(mark.name, unquoted(value));
    }
    const within = marks.filter((other) => other.start >= mark.end && other.start < end);
    doubts.push(
      ...within
        .filter((other) => other.isDirect || names.has(other.name))
        .map((other) => doubt(command, other, mark)),
    );
  });
  return { values, problems, doubts };
}

function doubt(command, other, mark) {
  const isKnown = command.options.some((option) => option.name === other.name);
  const why = isKnown
    ? `“${other.name}:” is followed by a space`
    : `“${other.name}” is not an option of /${command.name}${similar(command, other.name)}`;
  return `${why}, so it stays in ${mark.name}. Press Enter again to send it like this.`;
}

/** Every `word:` outside quotes that is directly followed by something. */
function findMarks(text) {
  const marks = [];
  const pattern = /(^|\s)([-_\p{Ll}\p{N}]{1,32}):(?=("?))/gu;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const start = found.index + found[1].length;
    const end = pattern.lastIndex;
    const isAddress = text.startsWith("//", end);
    const isDirect = end < text.length && !/\s/.test(text[end]);
    if (!isAddress && /\p{Ll}/u.test(found[2][0])) {
      marks.push({ name: found[2], start, end, isDirect });
    }
    if (found[3] === '"') {
      const close = text.indexOf('"', end + 1);
      pattern.lastIndex = close < 0 ? end : close + 1;
    }
  }
  return marks;
}

function unquoted(value) {
  const inside = /^"([^]*)"$/.exec(value)?.[1];
  return inside !== undefined && !inside.includes('"') ? inside : value;
}

/** The option that a command cannot do without and that takes any text; undefined without one. */
function neededText(command) {
  return command.options.find(
    (option) => option.required && option.type === OPTION.STRING && !option.choices?.length,
  );
}

/** The mark that a text begins with; undefined where it is prose. */
function looksLikeOption(marks, before) {
  return marks.find((mark) => before.startsWith(`${mark.name}:`));
}

function strayText(command, marks, before) {
  const first = looksLikeOption(marks, before);
  if (first) {
    return `“${first.name}” is not an option of /${command.name}${similar(command, first.name)}. ${optionsSentence(command)}`;
  }
  const example = command.options[0];
  const hint = example ? ` Write ${example.name}:${before.length > 40 ? "…" : before}.` : "";
  return `“${before.slice(0, 60)}” belongs to no option of /${command.name}.${hint}`;
}

function optionsSentence(command) {
  const names = command.options.map((option) => option.name);
  return names.length === 0 ? "It takes no options." : `It takes ${names.join(", ")}.`;
}

function similar(command, word) {
  const near = command.options
    .map((option) => option.name)
    .find((name) => distance(name, word) <= 2);
  return near ? ` (did you mean ${near}?)` : "";
}

/** How many letters differ between two words. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

const YES = new Set(["true", "yes", "on", "1"]);
const NO = new Set(["false", "no", "off", "0"]);

/**
 * What Discord sends for a typed value: {value} or {wrong: sentence}. Ids of people, roles and
 * channels are looked up by `find(option, text)`, which returns an id or null.
 *
 * @param {any} option
 * @param {string} text
 * @param {(option: any, text: string) => string | null} find
 */
export function readValue(option, text, find = () => null) {
  const refuse = (sentence) => ({ wrong: `${option.name} ${sentence}` });
  if (option.choices?.length) {
    const wanted = text.trim().toLowerCase();
    const found = option.choices.find(
      (choice) =>
        choice.name.toLowerCase() === wanted || String(choice.value).toLowerCase() === wanted,
    );
    const names = option.choices.map((choice) => choice.name).join(", ");
    return found ? { value: found.value } : refuse(`takes one of: ${names}.`);
  }
  switch (option.type) {
    case OPTION.INTEGER:
    case OPTION.NUMBER:
      return readNumber(option, text, refuse);
    case OPTION.BOOLEAN:
      return readBoolean(text, refuse);
    case OPTION.USER:
    case OPTION.CHANNEL:
    case OPTION.ROLE:
    case OPTION.MENTIONABLE: {
      const id =
        /^<[@#][!&]?(\d+)>$/.exec(text)?.[1] ??
        find(option, text.replace(/^[@#]/, "").trim().toLowerCase());
      return id
        ? { value: id }
        : refuse(`takes ${optionHint(option)} of this server; “${text}” is none.`);
    }
    case OPTION.ATTACHMENT:
      return refuse("takes a file. Choose it here.");
    default:
      return readString(option, text, refuse);
  }
}

function readNumber(option, text, refuse) {
  const number = Number(text.trim().replace(",", "."));
  const isGood =
    text.trim() !== "" &&
    Number.isFinite(number) &&
    (option.type === OPTION.NUMBER || Number.isInteger(number));
  if (
    !isGood ||
    number < (option.min_value ?? -Infinity) ||
    number > (option.max_value ?? Infinity)
  ) {
    return refuse(`takes ${optionHint(option)}; “${text}” is not.`);
  }
  return { value: number };
}

function readBoolean(text, refuse) {
  const word = text.trim().toLowerCase();
  if (!YES.has(word) && !NO.has(word)) {
    return refuse("takes yes or no.");
  }
  return { value: YES.has(word) };
}

function readString(option, text, refuse) {
  const length = [...text].length;
  const most = option.max_length ?? 6000;
  if (length > most) {
    return refuse(`can have up to ${most} characters. This has ${length}.`);
  }
  if (length < (option.min_length ?? 0)) {
    return refuse(`needs at least ${option.min_length} characters.`);
  }
  return { value: text };
}
