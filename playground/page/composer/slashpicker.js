// The list of commands that opens at "/".

import { el, icon } from "../controls/dom.js";
import { findCommands, optionHint } from "./commands.js";
import { Listbox } from "../controls/listbox.js";
import { state } from "../app/state.js";

export class SlashPicker {
  /** `input` is typed in, the list stands above `anchor`, `onPick(command)` gets the choice. */
  constructor({ input, anchor, onPick }) {
    this.list = new Listbox({
      owner: input,
      anchor,
      label: "Commands",
      className: "slash-picker",
      wide: true,
      onPick: (item) => onPick(item.command),
    });
  }

  get isOpen() {
    return this.list.isOpen;
  }

  /** True when the person went through the list: then Enter means the marked command. */
  get moved() {
    return this.list.moved;
  }

  /** Show what fits the text after "/". */
  update(typed) {
    const items = findCommands(typed).map((command) => ({
      command,
      value: command.name,
      label: `/${command.name}`,
      detail: optionNames(command),
      description: command.description,
      icon: icon("slash"),
      group: state.bot.name,
    }));
    this.list.show(items, { note: `No command starts with “/${typed.trim()}”.` });
  }

  hide() {
    this.list.hide();
  }

  key(event) {
    return this.list.key(event);
  }

  pick() {
    this.list.pick();
  }
}

function optionNames(command) {
  return command.options
    .filter((option) => option.required)
    .map((option) => option.name)
    .join(" ");
}

/** One line about a command: what it does and what it takes; `current` is the option in hand. */
export function commandHint(command, current = null) {
  if (current) {
    const kind = optionHint(current);
    return el(
      "p",
      { class: "command-hint" },
      el("strong", {}, current.name),
      current.required ? " (required)" : " (optional)",
      current.description && ` · ${current.description}`,
      kind && ` · ${kind}`,
    );
  }
  const names = command.options
    .map((option) => (option.required ? option.name : `[${option.name}]`))
    .join("  ");
  return el(
    "p",
    { class: "command-hint" },
    el("strong", {}, `/${command.name}`),
    ` · ${command.description}`,
    names && el("span", { class: "command-hint-options" }, names),
  );
}
