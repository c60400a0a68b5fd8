// A list to choose from, driven by the keyboard of the field that owns it.

import { el, freshId, icon } from "./dom.js";
import { closePopup, position, showPopup } from "./popup.js";

/**
 * `items` are {label, value, description?, detail?, icon? (an element), group?, selected?, disabled?}.
 * The owner keeps the focus; it calls `key(event)` first and acts only when that returns false.
 */
export class Listbox {
  constructor({
    owner,
    label,
    onPick,
    wide = false,
    anchor = null,
    multiple = false,
    className = "",
  }) {
    this.owner = owner;
    this.anchor = anchor ?? owner;
    this.onPick = onPick;
    this.wide = wide;
    this.items = [];
    this.active = -1;
    this.moved = false;
    this.onClose = () => {};
    this.element = el("div", {
      class: `listbox ${className}`,
      id: freshId("list"),
      role: "listbox",
      "aria-label": label,
      "aria-multiselectable": multiple ? "true" : null,
    });
    // The focus stays with the owner also when the mouse chooses.
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    owner.setAttribute("aria-controls", this.element.id);
    owner.setAttribute("aria-expanded", "false");
  }

  get isOpen() {
    return this.element.isConnected;
  }

  /** Show these items; `note` is said when there are none. */
  show(items, { active = 0, note = null } = {}) {
    this.items = items;
    this.active = items.length === 0 ? -1 : Math.max(0, Math.min(active, items.length - 1));
    this.moved = false;
    if (items.length === 0 && !note) {
      this.hide();
      return;
    }
    this.#draw(note);
    if (this.isOpen) {
      position(this.element, this.anchor, this.wide);
    } else {
      showPopup(this.element, this.anchor, {
        wide: this.wide,
        onClose: () => this.#closed(),
        keep: this.owner,
      });
      this.owner.setAttribute("aria-expanded", "true");
    }
    this.#mark();
  }

  hide() {
    if (this.isOpen) {
      closePopup();
    }
  }

  /** The item under the cursor; null when none is. */
  get current() {
    return this.items[this.active] ?? null;
  }

  move(step) {
    if (this.items.length === 0) {
      return;
    }
    this.moved = true;
    this.active = (this.active + step + this.items.length) % this.items.length;
    this.#mark();
  }

  pick(item = this.current) {
    if (item && !item.disabled) {
      this.onPick(item);
    }
  }

  /**
   * Arrows, Enter and Escape; where nothing is typed into the owner, Home, End and Space as well.
   * True when the key was for the list. Tab is the owner's to decide.
   */
  key(event) {
    if (!this.isOpen) {
      return false;
    }
    if (this.owner.tagName === "BUTTON" && this.#keyOfButton(event)) {
      return true;
    }
    switch (event.key) {
      case "ArrowDown":
        this.move(1);
        break;
      case "ArrowUp":
        this.move(-1);
        break;
      case "Enter":
        if (!this.current) {
          return false;
        }
        this.pick();
        break;
      case "Escape":
        event.stopPropagation();
        this.hide();
        break;
      default:
        return false;
    }
    event.preventDefault();
    return true;
  }

  #keyOfButton(event) {
    if (event.key === "Home" || event.key === "End") {
      this.move((event.key === "Home" ? 0 : this.items.length - 1) - this.active);
    } else if (event.key === " ") {
      // The release of the key would press the button; Chromium asks us here, Firefox there.
      const release = (up) => up.preventDefault();
      this.owner.addEventListener("keyup", release, { once: true });
      this.pick();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  #closed() {
    this.owner.setAttribute("aria-expanded", "false");
    this.owner.removeAttribute("aria-activedescendant");
    this.onClose();
  }

  #draw(note) {
    let group;
    const rows = [];
    this.items.forEach((item, index) => {
      if (item.group && item.group !== group) {
        group = item.group;
        rows.push(el("div", { class: "listbox-group", role: "presentation" }, group));
      }
      rows.push(this.#row(item, index));
    });
    if (this.items.length === 0) {
      rows.push(el("p", { class: "listbox-note" }, note));
    }
    this.element.replaceChildren(...rows);
  }

  #row(item, index) {
    return el(
      "div",
      {
        class: "listbox-item",
        id: `${this.element.id}-${index}`,
        role: "option",
        "aria-selected": item.selected ? "true" : "false",
        "aria-disabled": item.disabled ? "true" : null,
        data: { index },
        on: {
          click: () => this.pick(item),
          pointermove: () => {
            if (this.active !== index) {
              this.active = index;
              this.#mark(false);
            }
          },
        },
      },
      item.icon ?? null,
      el(
        "span",
        { class: "listbox-words" },
        el(
          "span",
          { class: "listbox-label" },
          item.label,
          item.detail && el("span", { class: "listbox-detail" }, item.detail),
        ),
        item.description && el("span", { class: "listbox-description" }, item.description),
      ),
      item.selected && el("span", { class: "listbox-check" }, icon("check")),
    );
  }

  #mark(scroll = true) {
    for (const row of this.element.querySelectorAll(".listbox-item")) {
      const isActive = Number(row.dataset.index) === this.active;
      row.classList.toggle("active", isActive);
      if (isActive) {
        this.owner.setAttribute("aria-activedescendant", row.id);
        if (scroll) {
          row.scrollIntoView({ block: "nearest" });
        }
      }
    }
  }
}
