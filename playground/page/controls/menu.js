// Menus of actions, and the emoji picker.

import { el, icon } from "./dom.js";
import { isLost, remember, walk } from "./focus.js";
import { EMOJI, emojiElement, emojiName, QUICK } from "../text/emoji.js";
import { closePopup, showPopup } from "./popup.js";

/**
 * A menu at `anchor`. `entries` are {label, icon, run, danger?} or {heading}; `quick`, if given, is
 * called with an emoji chosen from the row on top. The focus goes back to `opener` at the end.
 */
export function showMenu(
  anchor,
  { label, entries, quick = null, opener = document.activeElement },
) {
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label });
  if (quick) {
    menu.append(
      el(
        "div",
        { class: "menu-quick" },
        QUICK.map((emoji) => quickButton(emoji, quick)),
      ),
    );
  }
  menu.append(...entries.map(entryElement));
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closePopup();
    } else {
      walk(event, [...menu.querySelectorAll("button")]);
    }
  });
  showPopup(menu, anchor, { onClose: giveBack(opener, menu) });
  menu.querySelector(".menu-entry, button")?.focus({ preventScroll: true });
}

function quickButton(emoji, quick) {
  const react = () => {
    closePopup();
    quick(emoji);
  };
  return el(
    "button",
    {
      type: "button",
      role: "menuitem",
      class: "quick",
      "aria-label": `React with ${emojiName(emoji)}`,
      title: emojiName(emoji),
      on: { click: react },
    },
    emojiElement(emoji),
  );
}

function entryElement(entry) {
  if (entry.heading) {
    return el("p", { class: "menu-heading", role: "presentation" }, entry.heading);
  }
  const run = () => {
    closePopup();
    entry.run();
  };
  return el(
    "button",
    {
      type: "button",
      role: "menuitem",
      class: entry.danger ? "menu-entry danger" : "menu-entry",
      on: { click: run },
    },
    icon(entry.icon),
    el("span", {}, entry.label),
  );
}

/** Gives the focus back at the end, unless it has already gone somewhere else on purpose. */
function giveBack(opener, popup) {
  const goBack = remember(opener);
  return () => {
    if (isLost() || popup.contains(document.activeElement)) {
      goBack();
    }
  };
}


/** A small emoji picker at `anchor`; `onPick(emoji)` gets the choice. */
export function showEmojiPicker(anchor, { onPick, opener = document.activeElement }) {
  const search = el("input", {
    type: "search",
    placeholder: "Find an emoji",
    "aria-label": "Find an emoji",
    autocomplete: "off",
  });
  const grid = el("div", { class: "emoji-grid", role: "group", "aria-label": "Emoji" });
  const caption = el("p", { class: "emoji-caption", "aria-hidden": "true" });
  const picker = el(
    "div",
    { class: "emoji-picker", role: "dialog", "aria-label": "Add a reaction" },
    search,
    grid,
    caption,
  );

  const choose = (emoji) => {
    closePopup();
    onPick(emoji);
  };
  const draw = () => {
    const words = search.value.trim().toLowerCase();
    const found = EMOJI.filter((each) => each.words.includes(words));
    grid.replaceChildren(...found.map((each) => gridButton(each, choose, caption)));
    grid.firstElementChild?.setAttribute("tabindex", "0");
    caption.textContent =
      found[0]?.name ?? "No emoji with that name. Paste one and press Enter.";
  };

  search.addEventListener("input", draw);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      const pasted = /\p{Extended_Pictographic}/u.test(search.value) ? search.value.trim() : null;
      const first = pasted ?? grid.querySelector("button")?.dataset.emoji;
      if (first) {
        choose(first);
      }
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      grid.querySelector("button")?.focus();
    }
  });
  grid.addEventListener("keydown", (event) => walkGrid(event, grid, search));
  picker.addEventListener("keydown", (event) => {
    // Tab goes from the search to the emoji and back; beyond either it leaves, as Escape does.
    const leaves = event.shiftKey === (document.activeElement === search);
    if (event.key === "Escape" || (event.key === "Tab" && leaves)) {
      event.preventDefault();
      event.stopPropagation();
      closePopup();
    }
  });
  draw();
  showPopup(picker, anchor, { onClose: giveBack(opener, picker) });
  search.focus({ preventScroll: true });
}

function gridButton({ text, name }, choose, caption) {
  const say = () => {
    caption.textContent = name;
  };
  return el(
    "button",
    {
      type: "button",
      class: "quick",
      tabindex: "-1",
      "aria-label": name,
      data: { emoji: text },
      on: { click: () => choose(text), focus: say, pointerenter: say },
    },
    emojiElement(text),
  );
}

function walkGrid(event, grid, search) {
  const buttons = [...grid.querySelectorAll("button")];
  const top = buttons[0]?.offsetTop;
  const columns = Math.max(1, buttons.filter((each) => each.offsetTop === top).length);
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  if (!(event.key in steps)) {
    walk(event, buttons, []);
    return;
  }
  event.preventDefault();
  const next = buttons.indexOf(document.activeElement) + steps[event.key];
  if (next < 0) {
    search.focus();
  } else {
    buttons[Math.min(next, buttons.length - 1)]?.focus();
  }
}
