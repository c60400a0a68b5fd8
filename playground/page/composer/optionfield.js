// The field of one option of a command, in its pill.

import { suggestions } from "../net/actions.js";
import { OPTION } from "./commands.js";
import { el, icon } from "../controls/dom.js";
import { Listbox } from "../controls/listbox.js";
import { sizeText } from "../messages/media.js";
import { place } from "../app/navigation.js";
import { channelItems, roleItems, userItems } from "../controls/select.js";
import { Refused } from "../net/socket.js";
import { readValue } from "./typed.js";

const PAUSE = 180; // ms without a key before the bot is asked for suggestions

/**
 * A field: {element, focus(), isEmpty(), read() -> {value} | {wrong} | null when empty, text()}.
 * `form` tells the other options to an autocomplete: `form.commandName`, `form.known()`.
 */
export function optionField(option, { text = "", file = null, form }) {
  if (option.type === OPTION.ATTACHMENT) {
    return fileField(option, file);
  }
  if (option.autocomplete) {
    return suggestedField(option, text, form);
  }
  const items = fixedItems(option);
  return items ? listedField(option, text, items) : plainField(option, text);
}

function fixedItems(option) {
  if (option.choices?.length) {
    return () => option.choices.map((choice) => ({ label: choice.name, value: choice.value }));
  }
  switch (option.type) {
    case OPTION.BOOLEAN:
      return () => [
        { label: "Yes", value: true },
        { label: "No", value: false },
      ];
    case OPTION.USER:
      return userItems;
    case OPTION.ROLE:
      return roleItems;
    case OPTION.MENTIONABLE:
      return () => [...userItems(), ...roleItems()];
    case OPTION.CHANNEL:
      return () => channelItems(option.channel_types);
    default:
      return null;
  }
}

function makeInput(option, text, attributes = {}) {
  const isText = option.type === OPTION.STRING && !option.autocomplete && !option.choices?.length;
  const input = el(isText ? "textarea" : "input", {
    class: "option-input",
    rows: isText ? 1 : null,
    type: isText ? null : "text",
    inputmode:
      option.type === OPTION.INTEGER ? "numeric" : option.type === OPTION.NUMBER ? "decimal" : null,
    autocomplete: "off",
    spellcheck: isText ? "true" : "false",
    "aria-label": option.name,
    "aria-required": option.required ? "true" : null,
    data: { option: option.name },
    ...attributes,
  });
  input.value = text;
  return input;
}

function plainField(option, text) {
  const input = makeInput(option, text);
  return {
    element: input,
    focus: () => focusAtEnd(input),
    isEmpty: () => input.value.trim() === "",
    read: () => (input.value.trim() === "" ? null : readValue(option, input.value.trim())),
    text: () => input.value.trim(),
  };
}

function focusAtEnd(input) {
  input.focus();
  input.setSelectionRange(input.value.length, input.value.length);
}

/** A field with a fixed list: typing filters it. */
function listedField(option, text, items) {
  const input = makeInput(option, text, { role: "combobox", "aria-autocomplete": "list" });
  const find = (_, words) =>
    items().find((item) => item.label.toLowerCase() === words)?.value ?? null;
  let chosen = items().find((item) => item.label.toLowerCase() === text.toLowerCase()) ?? null;
  const list = new Listbox({
    owner: input,
    label: option.name,
    onPick: (item) => {
      chosen = item;
      input.value = item.label;
      list.hide();
    },
  });
  const show = () => {
    const words = chosen ? "" : input.value.trim().toLowerCase();
    const fitting = items().filter((item) => item.label.toLowerCase().includes(words));
    const marked = fitting.map((item) => ({ ...item, selected: item.value === chosen?.value }));
    list.show(marked, {
      active: Math.max(
        0,
        marked.findIndex((item) => item.selected),
      ),
      note: "Nothing in the list fits.",
    });
  };
  openOnUse(input, list, show, () => {
    chosen = null;
  });
  return {
    element: input,
    focus: () => focusAtEnd(input),
    isEmpty: () => input.value.trim() === "",
    read: () => {
      if (chosen) {
        return { value: chosen.value };
      }
      return input.value.trim() === "" ? null : readValue(option, input.value.trim(), find);
    },
    text: () => input.value.trim(),
  };
}

/** A field whose list comes from the bot while one types. What is typed may also stand as it is. */
function suggestedField(option, text, form) {
  const input = makeInput(option, text, { role: "combobox", "aria-autocomplete": "list" });
  let chosen = null;
  let timer = null;
  let asked = 0;
  const list = new Listbox({
    owner: input,
    label: option.name,
    onPick: (item) => {
      chosen = item;
      input.value = item.label;
      list.hide();
    },
  });
  const ask = async () => {
    asked += 1;
    const mine = asked;
    let choices;
    try {
      ({ choices } = await suggestions(
        place(),
        form.commandName,
        option.name,
        input.value,
        form.known(),
      ));
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      choices = null;
    }
    const isStillWanted = mine === asked && document.activeElement === input;
    if (isStillWanted) {
      const items = (choices ?? []).map((choice) => ({ label: choice.name, value: choice.value }));
      list.show(items, {
        note: choices
          ? "No suggestion fits."
          : "No suggestions came. What you type is sent as it is.",
      });
    }
  };
  const askSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  };
  openOnUse(input, list, askSoon, () => {
    chosen = null;
  });
  input.addEventListener("blur", () => {
    clearTimeout(timer);
    asked += 1;
  });
  return {
    element: input,
    focus: () => focusAtEnd(input),
    isEmpty: () => input.value.trim() === "",
    read: () => {
      if (chosen) {
        return { value: chosen.value };
      }
      return input.value.trim() === "" ? null : readValue(option, input.value.trim());
    },
    text: () => input.value.trim(),
  };
}

function openOnUse(input, list, show, forget) {
  input.addEventListener("focus", show);
  input.addEventListener("click", () => {
    if (!list.isOpen) {
      show();
    }
  });
  input.addEventListener("input", () => {
    forget();
    show();
  });
  input.addEventListener("blur", () => list.hide());
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) {
      return;
    }
    if (
      event.key === "Tab" &&
      list.isOpen &&
      list.current &&
      (list.moved || input.value.trim() !== "")
    ) {
      list.pick(); // and the focus moves on
    } else if (list.key(event)) {
      event.stopPropagation();
    } else if (event.key === "ArrowDown" && !list.isOpen) {
      event.preventDefault();
      show();
    }
  });
}

function fileField(option, first) {
  let file = null;
  const chooser = el("input", {
    type: "file",
    class: "visually-hidden",
    tabindex: "-1",
    data: { option: option.name },
  });
  const button = el("button", {
    type: "button",
    class: "option-file",
    on: { click: () => chooser.click() },
  });
  const put = (chosen) => {
    file = chosen;
    const words = file
      ? [icon("file"), file.name, el("span", { class: "file-size" }, sizeText(file.size))]
      : [icon("plus"), "Choose a file"];
    button.replaceChildren(...words);
    button.setAttribute(
      "aria-label",
      file ? `${option.name}: ${file.name}, change` : `${option.name}: choose a file`,
    );
    button.dispatchEvent(new Event("input", { bubbles: true }));
  };
  chooser.addEventListener("change", () => {
    if (chooser.files[0]) {
      put(chooser.files[0]);
      button.focus();
    }
    chooser.value = "";
  });
  put(first);
  return {
    element: el("span", { class: "option-file-frame" }, button, chooser),
    focus: () => button.focus(),
    isEmpty: () => file === null,
    read: () => (file ? { file } : null),
    text: () => "",
    put,
  };
}
