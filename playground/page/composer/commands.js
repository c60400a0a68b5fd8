// The bot's commands as a person knows them: "/video text" with its options.

import { state } from "../app/state.js";

const CHAT = 1;
export const OPTION = {
  SUBCOMMAND: 1,
  GROUP: 2,
  STRING: 3,
  INTEGER: 4,
  BOOLEAN: 5,
  USER: 6,
  CHANNEL: 7,
  ROLE: 8,
  MENTIONABLE: 9,
  NUMBER: 10,
  ATTACHMENT: 11,
};

/** Commands of a type (1 chat, 3 message). The playground only names those this person may use. */
export function visibleCommands(type) {
  return state.commands.filter((command) => (command.type ?? CHAT) === type);
}

/** Every command one can type: {name: "video text", description, options}, in the bot's order. */
export function typedCommands() {
  return visibleCommands(CHAT).flatMap((command) => leaves(command, []));
}

function leaves(node, path) {
  const name = [...path, node.name];
  const options = node.options ?? [];
  const deeper = options.filter(
    (option) => option.type === OPTION.SUBCOMMAND || option.type === OPTION.GROUP,
  );
  if (deeper.length > 0) {
    return deeper.flatMap((option) => leaves(option, name));
  }
  return [
    { name: name.join(" "), description: node.description ?? "", options: requiredFirst(options) },
  ];
}

function requiredFirst(options) {
  return [
    ...options.filter((option) => option.required),
    ...options.filter((option) => !option.required),
  ];
}

/** Commands that fit what was typed after "/", the best first. */
export function findCommands(typed) {
  const words = typed.toLowerCase().trim().split(/\s+/).filter(Boolean);
  const phrase = words.join(" ");
  const scored = typedCommands().map((command) => ({
    command,
    score: score(command, phrase, words),
  }));
  return scored
    .filter(({ score: points }) => points > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ command }) => command);
}

function score(command, phrase, words) {
  const name = command.name.toLowerCase();
  if (name.startsWith(phrase)) {
    return 3;
  }
  const parts = name.split(" ");
  if (words.every((word) => parts.some((part) => part.startsWith(word)))) {
    return 2;
  }
  return words.every((word) => name.includes(word)) ? 1 : 0;
}

/** The longest command that a typed text begins with: {command, rest}; null when none does. */
export function commandOf(text) {
  const typed = text.slice(1);
  const fitting = typedCommands()
    .filter(
      (command) =>
        typed === command.name ||
        (typed.startsWith(command.name) && /\s/.test(typed[command.name.length])),
    )
    .sort((a, b) => b.name.length - a.name.length);
  const command = fitting[0];
  return command ? { command, rest: typed.slice(command.name.length) } : null;
}

/** What an option takes, in a few words. */
export function optionHint(option) {
  const words = {
    [OPTION.INTEGER]: "a whole number",
    [OPTION.NUMBER]: "a number",
    [OPTION.BOOLEAN]: "yes or no",
    [OPTION.USER]: "a person",
    [OPTION.CHANNEL]: "a channel",
    [OPTION.ROLE]: "a role",
    [OPTION.MENTIONABLE]: "a person or role",
    [OPTION.ATTACHMENT]: "a file",
  }[option.type];
  const range = rangeText(option);
  return [words, range].filter(Boolean).join(" ");
}

function rangeText({ min_value: least, max_value: most }) {
  if (least !== undefined && most !== undefined) {
    return `from ${least} to ${most}`;
  }
  if (least !== undefined) {
    return `of at least ${least}`;
  }
  return most === undefined ? "" : `of at most ${most}`;
}
