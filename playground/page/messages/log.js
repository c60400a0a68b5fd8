// The list of messages of the place that is shown: order, grouping, scrolling, older pages.

import { history } from "../net/actions.js";
import { findCommands, OPTION, typedCommands } from "../composer/commands.js";
import { el, icon } from "../controls/dom.js";
import { isLost, walk } from "../controls/focus.js";
import { nextId } from "../app/ids.js";
import { continues, dots, messageElement, updateMessage } from "./message.js";
import { openMessageMenu, watchForMenus } from "./messagemenu.js";
import { place, placeHere } from "../app/navigation.js";
import { drop, pending } from "../net/outcome.js";
import { placeIcon, placeName } from "../frame/places.js";
import { Refused } from "../net/socket.js";
import { DM, isThread, state } from "../app/state.js";
import { dayKey, dayName } from "../text/times.js";
import { toast } from "../controls/toast.js";

const PAGE = 50;
const NEAR = 120; // px from the end that still count as "at the end"
const EARLY = 500; // px from the top at which older messages are asked for
const MOST_PAGES = 60; // pages read back in search of one message
const FIRST_PROMPT = "a red fox crossing a snowy street";

export class Log {
  constructor(element, toPresent) {
    this.element = element;
    this.toPresent = toPresent;
    this.inner = el("div", { class: "log-inner" });
    this.elements = new Map(); // message id -> {element, compact}
    this.loading = null;
    this.atEnd = true;
    this.lastTop = 0;
    element.append(this.inner);
    watchForMenus(element);
    element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    element.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("focusin", (event) => this.#mark(event.target));
    document.addEventListener("pointerdown", (event) => this.#mark(event.target));
    toPresent.addEventListener("click", () => {
      element.focus({ preventScroll: true });
      this.toEnd();
    });
    // Pictures and clips grow when they load; whoever reads the end stays at the end.
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(this.inner);
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(element);

    state.on("message", ({ place: where, id }) => where === place() && this.#changed(id));
    state.on("gone", ({ place: where }) => where === place() && this.draw());
    state.on("history", ({ place: where }) => where === place() && this.draw());
    state.on("pending", ({ place: where }) => where === place() && this.draw());
    state.on("sent", () => this.toEnd());
    state.on("thread", ({ id }) => this.elements.has(id) && this.#changed(id));
    state.on("commands", () => this.draw());
    state.on("expired", ({ message, file }) => this.#freshen(message, file));
    this.asked = new Set();
  }

  /** Another place is shown. */
  enter() {
    this.elements.clear();
    this.inner.replaceChildren();
    this.atEnd = true;
    this.draw();
    this.toEnd();
    this.loadNewest();
  }

  /** The newest page, also after the line was down: what was missed comes with it. */
  async loadNewest() {
    const where = place();
    if (where && !state.room(where).loaded) {
      await this.#load(where, null);
    }
  }

  async #load(where, before) {
    const key = `${where} ${before}`;
    if (this.loading === key) {
      return;
    }
    this.loading = key;
    try {
      const { messages } = await history(where, before, PAGE);
      state.addHistory(where, messages, {
        newest: before === null,
        complete: messages.length < PAGE,
      });
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      toast(error.message);
    } finally {
      if (this.loading === key) {
        this.loading = null;
        this.#scrolled(); // who is still near the top goes on reading
      }
    }
  }

  async #loadOlder() {
    const where = place();
    const room = state.room(where);
    const oldest = room.list()[0];
    if (room.loaded && !room.complete && oldest && this.loading === null) {
      await this.#load(where, oldest.id);
    }
  }

  /** Show one message, reading back until it is there. */
  async jump(where, id) {
    await this.loadNewest();
    for (
      let pages = 0;
      pages < MOST_PAGES &&
      place() === where &&
      !state.room(where).messages.has(id) &&
      !state.room(where).complete;
      pages += 1
    ) {
      await this.#loadOlder();
    }
    const found = this.elements.get(id)?.element;
    if (place() !== where) {
      return;
    }
    if (!found) {
      toast("That message was deleted.");
      return;
    }
    this.atEnd = false;
    found.scrollIntoView({ block: "center" });
    found.focus({ preventScroll: true });
    found.classList.add("found");
    found.addEventListener("animationend", () => found.classList.remove("found"), { once: true });
  }

  /** Scroll to the newest message. */
  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
    this.atEnd = true;
    this.toPresent.hidden = true;
  }

  #changed(id) {
    const known = this.elements.get(id);
    const message = state.room(place()).messages.get(id);
    if (known && message) {
      this.#keepingPlace(() => updateMessage(known.element, message));
    } else {
      this.draw();
    }
  }

  /** Bring the list up to date; elements that are right already are not touched. */
  draw() {
    const here = placeHere();
    if (!here) {
      return;
    }
    this.#keepingPlace(() => this.#put(this.#wanted(here)));
  }

  #wanted(here) {
    const room = state.room(here.id);
    const messages = room.list();
    const nodes = [];
    if (room.complete) {
      nodes.push(welcome(here, messages));
    } else {
      nodes.push(el("p", { class: "log-loading" }, dots(), "Loading messages…"));
    }
    let previous = null;
    for (const message of messages) {
      const isNewDay =
        previous === null || dayKey(previous.timestamp) !== dayKey(message.timestamp);
      if (isNewDay) {
        nodes.push(
          el(
            "div",
            { class: "day", role: "separator" },
            el("span", {}, dayName(message.timestamp)),
          ),
        );
      }
      nodes.push(this.#elementOf(message, !isNewDay && continues(previous, message)));
      previous = message;
    }
    this.#forgetAllBut(new Set(messages.map((message) => message.id)));
    nodes.push(...(pending.get(here.id) ?? []).map(pendingElement));
    return nodes;
  }

  #elementOf(message, compact) {
    const known = this.elements.get(message.id);
    if (known && known.compact === compact) {
      updateMessage(known.element, message);
      return known.element;
    }
    const element = messageElement(message, { compact });
    this.elements.set(message.id, { element, compact });
    return element;
  }

  #forgetAllBut(ids) {
    for (const id of this.elements.keys()) {
      if (!ids.has(id)) {
        this.elements.delete(id);
      }
    }
  }

  #put(nodes) {
    const wanted = new Set(nodes);
    const held = [...this.inner.childNodes].findIndex((each) =>
      each.contains(document.activeElement),
    );
    for (const child of [...this.inner.childNodes]) {
      if (!wanted.has(child)) {
        child.remove();
      }
    }
    nodes.forEach((node, index) => {
      if (this.inner.childNodes[index] !== node) {
        this.inner.insertBefore(node, this.inner.childNodes[index] ?? null);
      }
    });
    if (held >= 0 && isLost()) {
      this.#holdOn(held);
    }
  }

  /** What had the focus is gone: it goes to the message now in its place, or back to writing. */
  #holdOn(index) {
    const near = [this.inner.childNodes[index], this.inner.childNodes[index - 1]];
    const next = near.find((each) => each instanceof Element && each.matches(".message"));
    const shown = next ?? document.getElementById("composer-input");
    /** @type {HTMLElement | null} */ (shown)?.focus({ preventScroll: true });
  }

  /** Whoever reads the end stays there; whoever reads above keeps the line under the eyes. */
  #keepingPlace(change) {
    const stay = this.atEnd;
    const top = this.element.getBoundingClientRect().top;
    const where = (element) => element.getBoundingClientRect();
    const below = stay
      ? []
      : [...this.inner.querySelectorAll(".message")].filter((each) => where(each).bottom > top);
    const before = below.map((each) => where(each).top);
    change();
    if (stay) {
      this.toEnd();
      return;
    }
    // The first line may have been drawn anew; then the next one is what the eyes hold on to.
    const held = below.findIndex((each) => each.isConnected);
    if (held >= 0) {
      this.element.scrollTop += where(below[held]).top - before[held];
    }
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR;
    // Only who scrolls up leaves the end; a picture that grows below moves nobody.
    const wentUp = scrollTop < this.lastTop - 1;
    this.lastTop = scrollTop;
    this.atEnd = isNear || (this.atEnd && !wentUp);
    this.toPresent.hidden = this.atEnd;
    if (scrollTop < EARLY) {
      this.#loadOlder();
    }
  }

  /**
   * The message that holds the keyboard shows its tools, also while a menu of it is open. Not by
   * :focus-visible: between two of the tools nothing has the focus for a moment, and tools that
   * hide then cannot take it.
   */
  #mark(target) {
    if (!(target instanceof Element) || target.closest(".popup, dialog")) {
      return;
    }
    const next = target.closest(".message");
    for (const marked of this.inner.querySelectorAll(".has-keyboard")) {
      marked.classList.toggle("has-keyboard", marked === next);
    }
    if (next && target.matches(":focus-visible")) {
      next.classList.add("has-keyboard");
    }
  }

  /**
   * Up and down walk through the messages, left and right through the buttons of one; Enter opens
   * the menu of a message, Escape goes back to writing.
   */
  #key(event) {
    const current = /** @type {any} */ (document.activeElement.closest?.(".message"));
    const isOnMessage =
      document.activeElement === current || document.activeElement === this.element;
    if (event.key === "Escape") {
      document.getElementById("composer-input")?.focus();
      return;
    }
    const row = document.activeElement.closest(".toolbar, .reactions, .row");
    if (row) {
      walk(event, [...row.querySelectorAll("button:not(:disabled), a")], ["ArrowLeft", "ArrowRight"]);
      return;
    }
    if (event.key === "Enter" && document.activeElement === current && current.message) {
      event.preventDefault();
      openMessageMenu(current.message, current, current);
      return;
    }
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !isOnMessage) {
      return;
    }
    event.preventDefault();
    const all = [...this.inner.querySelectorAll(".message")];
    const at = all.indexOf(current);
    const next = current ? all[at + step] : all.at(-1);
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** A link of this message has expired: read the message again, once for each file. */
  async #freshen(message, file) {
    if (this.asked.has(file)) {
      return;
    }
    this.asked.add(file);
    const { messages } = await history(message.channel_id, nextId(message.id), 1).catch(() => ({
      messages: [],
    }));
    const fresh = messages.find((each) => each.id === message.id);
    const known = this.elements.get(message.id);
    if (fresh && known) {
      this.elements.delete(message.id);
      known.element.remove();
      state.receive("MESSAGE_UPDATE", fresh);
    }
  }
}

function welcome(here, messages) {
  const name = placeName(here);
  const isNew = messages.length === 0;
  return el(
    "header",
    { class: "welcome" },
    el("span", { class: "welcome-icon" }, icon(placeIcon(here))),
    el("h2", {}, isThread(here) || here.type === DM ? name : `Welcome to #${name}`),
    el("p", {}, beginning(here, name)),
    isNew && here.type !== DM && hint(),
  );
}

function beginning(here, name) {
  if (isThread(here)) {
    return "This is the start of the thread.";
  }
  return here.type === DM
    ? `These are your direct messages with ${name}.`
    : here.topic || `This is the start of #${name}.`;
}

/** For a newcomer: what to type, and a button that types it. */
function hint() {
  const example = exampleCommand();
  if (!example) {
    return el(
      "p",
      { class: "hint" },
      `${state.bot.name} has not offered its commands yet. Once it is online, type / to see them.`,
    );
  }
  const tryIt = () =>
    state.dispatchEvent(new CustomEvent("tryText", { detail: { text: example } }));
  return el(
    "div",
    { class: "hint" },
    el("p", { class: "hint-title" }, "Make your first clip"),
    el("p", {}, "Type this below and press Enter. The clip arrives in a thread of its own."),
    el("code", {}, example),
    el(
      "div",
      { class: "hint-actions" },
      el(
        "button",
        { type: "button", class: "button button-primary", on: { click: tryIt } },
        "Try it",
      ),
      el("span", {}, "or type / to see every command"),
    ),
  );
}

/** "/video text prompt:…" as soon as the bot offers it, else its first command that takes words. */
function exampleCommand() {
  const takesWords = (command) =>
    command.options
      .filter((option) => option.required)
      .every((option) => option.type === OPTION.STRING);
  const first =
    typedCommands().find((command) => command.name === "video text") ??
    findCommands("").find((command) => command.options.length > 0 && takesWords(command));
  if (!first) {
    return null;
  }
  const required = first.options.filter((option) => option.required);
  return [`/${first.name}`, ...required.map((option) => `${option.name}:${FIRST_PROMPT}`)].join(
    " ",
  );
}

function pendingElement(line) {
  const dismiss = el(
    "button",
    { type: "button", class: "text-button", on: { click: () => drop(line) } },
    "Dismiss",
  );
  return el(
    "article",
    {
      class: line.failed ? "pending pending-failed" : "pending",
      role: line.failed ? "alert" : null,
    },
    el(
      "p",
      { class: "above" },
      el("span", { class: "above-name" }, "You"),
      el("span", {}, "used"),
      el("span", { class: "above-command" }, line.label),
    ),
    line.failed
      ? el(
          "p",
          { class: "failed" },
          icon("warning"),
          line.failed,
          " ",
          el("span", { class: "only-you" }, icon("eye"), "Only you can see this · "),
          dismiss,
        )
      : el("p", { class: "thinking" }, dots(), "Sending the command…"),
  );
}
