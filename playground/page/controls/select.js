// A field that opens a list: selects on messages and in modals, single or multiple.

import { el, icon } from "./dom.js";
import { partialEmoji } from "../text/emoji.js";
import { Listbox } from "./listbox.js";
import { displayName, isThread, state } from "../app/state.js";

const STRING = 3;
const USER = 5;
const ROLE = 6;
const MENTIONABLE = 7;
const CHANNEL = 8;

/** The items a select offers, whatever its kind. */
function selectItems(component) {
  switch (component.type) {
    case STRING:
      return (component.options ?? []).map((option) => ({
        value: option.value,
        label: option.label,
        description: option.description,
        icon: partialEmoji(option.emoji),
        isDefault: option.default ?? false,
      }));
    case USER:
      return withDefaults(component, userItems());
    case ROLE:
      return withDefaults(component, roleItems());
    case MENTIONABLE:
      return withDefaults(component, [...userItems(), ...roleItems()]);
    case CHANNEL:
      return withDefaults(component, channelItems(component.channel_types));
    default:
      return [];
  }
}

export function userItems() {
  const ids = [...state.people.map((person) => person.id), state.bot.user?.id].filter(Boolean);
  return ids.map((id) => ({
    value: id,
    label: displayName(state.users.get(id)) ?? id,
    group: "People",
    icon: icon("at"),
  }));
}

export function roleItems() {
  return state.guild.roles.map((role) => ({
    value: role.id,
    label: role.name,
    group: "Roles",
    icon: icon("shield"),
  }));
}

export function channelItems(types) {
  const wanted = types?.length
    ? [...state.channels.values()].filter((each) => types.includes(each.type))
    : [...state.channelList()];
  return wanted.map((each) => ({
    value: each.id,
    label: each.name,
    icon: icon(isThread(each) ? "thread" : "hash"),
  }));
}

function withDefaults(component, items) {
  const chosen = new Set((component.default_values ?? []).map((each) => String(each.id)));
  return items.map((item) => ({ ...item, isDefault: chosen.has(item.value) }));
}

/**
 * The field. `onChange(values)` is called when a choice is made (a multiple one: when its list is
 * closed). `chosen`, if given, is what was chosen before. `element.values()` reads it.
 *
 * @param {any} component
 * @param {{chosen?: any[] | null, onChange?: (values: any[]) => void, label?: string}} options
 */
export function selectElement(component, { chosen = null, onChange = () => {}, label }) {
  const most = component.max_values ?? 1;
  const fewest = component.min_values ?? 1;
  const multiple = most > 1;
  let values =
    chosen ??
    selectItems(component)
      .filter((item) => item.isDefault)
      .map((item) => item.value);
  let atOpening = values;

  const words = el("span", { class: "select-words" });
  const button = el(
    "button",
    {
      type: "button",
      class: "select",
      role: "combobox",
      "aria-haspopup": "listbox",
      disabled: component.disabled,
      data: { key: component.custom_id },
    },
    words,
    icon("down"),
  );
  const list = new Listbox({
    owner: button,
    label: label ?? component.placeholder ?? "Choices",
    onPick: pick,
    wide: true,
    multiple,
  });

  function draw() {
    const items = selectItems(component).filter((item) => values.includes(item.value));
    const empty = items.length === 0;
    words.classList.toggle("select-empty", empty);
    words.replaceChildren(
      empty
        ? (component.placeholder ?? "Make a choice")
        : items.map((item) => item.label).join(", "),
    );
    button.setAttribute(
      "aria-label",
      `${label ?? component.placeholder ?? "Choice"}: ${words.textContent}`,
    );
  }

  function items() {
    return selectItems(component).map((item) => ({
      ...item,
      selected: values.includes(item.value),
      disabled: multiple && values.length >= most && !values.includes(item.value),
    }));
  }

  function pick(item) {
    if (!multiple) {
      values = fewest === 0 && values.includes(item.value) ? [] : [item.value];
      draw();
      list.hide();
      return;
    }
    values = values.includes(item.value)
      ? values.filter((value) => value !== item.value)
      : [...values, item.value];
    draw();
    list.show(items(), { active: list.active });
  }

  function openList() {
    atOpening = values;
    const all = items();
    list.show(all, {
      active: Math.max(
        0,
        all.findIndex((item) => item.selected),
      ),
      note: "There is nothing to choose from.",
    });
  }

  list.onClose = () => {
    const same =
      values.length === atOpening.length && values.every((value) => atOpening.includes(value));
    if (same) {
      return;
    }
    if (values.length < fewest) {
      values = atOpening;
      draw();
      return;
    }
    onChange(values);
  };

  button.addEventListener("click", () => (list.isOpen ? list.hide() : openList()));
  button.addEventListener("keydown", (event) => {
    if (list.isOpen) {
      if (event.key === "Tab") {
        list.hide();
      } else if (!list.key(event)) {
        typeAhead(event.key);
      }
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      openList();
    }
  });

  function typeAhead(key) {
    const at = list.items.findIndex(
      (item) => key.length === 1 && item.label.toLowerCase().startsWith(key.toLowerCase()),
    );
    if (at >= 0) {
      list.move(at - list.active);
    }
  }

  draw();
  button.values = () => values;
  return button;
}
