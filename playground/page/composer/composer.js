// The field at the bottom: words, replies, files, and the way into commands.

import { isClosed, say, tellTyping, tooLarge, upload } from "../net/actions.js";
import { CommandForm } from "./commandform.js";
import { commandOf, OPTION } from "./commands.js";
import { el, iconButton } from "../controls/dom.js";
import { draftFile } from "../messages/media.js";
import { preview } from "../messages/message.js";
import { place, placeHere } from "../app/navigation.js";
import { placeName } from "../frame/places.js";
import { commandHint, SlashPicker } from "./slashpicker.js";
import { Refused } from "../net/socket.js";
import { displayName, DM, isThread, state } from "../app/state.js";
import { readOptions, readValue } from "./typed.js";

const TYPING_PAUSE = 8000; // ms between two notes to the others that somebody writes
const LONGEST = 2000; // characters of a message
const MOST_FILES = 10;

export class Composer {
  constructor(root) {
    this.root = root;
    this.files = [];
    this.reply = null;
    this.form = null;
    this.drafts = new Map();
    this.place = null;
    this.typedAt = 0;
    this.sending = false;

    this.input = el("textarea", {
      id: "composer-input",
      class: "composer-input",
      rows: "1",
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-multiline": "true",
      autocomplete: "off",
    });
    this.chooser = el("input", {
      type: "file",
      multiple: true,
      class: "visually-hidden",
      tabindex: "-1",
      id: "composer-files",
    });
    this.attach = iconButton("plus", "Attach files", () => this.chooser.click(), {
      class: "icon-button composer-attach",
    });
    this.sendButton = iconButton("send", "Send", () => this.#submit(), {
      class: "icon-button composer-send",
    });
    this.note = el("p", { class: "composer-error", role: "alert", hidden: true });
    this.hint = el("div", { class: "composer-hint", "aria-live": "polite" });
    this.replyBar = el("div", { class: "reply-bar", hidden: true });
    this.fileList = el("ul", { class: "draft-files", hidden: true });
    this.slot = el("div", { class: "composer-slot" }, this.input);
    this.box = el("div", { class: "composer-box" }, this.attach, this.slot, this.sendButton);
    this.picker = new SlashPicker({
      input: this.input,
      anchor: this.box,
      onPick: (command) => this.openForm(command),
    });
    root.append(this.replyBar, this.fileList, this.hint, this.note, this.box, this.chooser);
    this.#listen();
  }

  #listen() {
    this.input.addEventListener("input", () => this.#typed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => this.picker.hide());
    this.input.addEventListener("focus", () => this.#suggest());
    this.chooser.addEventListener("change", () => {
      this.takeFiles(this.chooser.files);
      this.chooser.value = "";
    });
    this.root.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) {
        event.preventDefault();
        this.takeFiles(files);
      }
    });
    state.on("replyTo", ({ message }) => this.replyTo(message));
    state.on("tryText", ({ text, choose }) => this.tryText(text, choose));
    state.on("commands", () => this.#suggest());
  }

  /** The place changed: what was written there stays there. */
  enter() {
    const next = place();
    if (this.place !== null && this.place !== next) {
      this.drafts.set(this.place, this.form ? this.form.asText() : this.input.value);
      this.#closeForm();
      this.#clear();
      this.input.value = this.drafts.get(next) ?? "";
    }
    this.place = next;
    this.#describe();
    this.#typed(false);
  }

  /** Another person sits down: nothing of the former one is left. */
  forget() {
    this.drafts.clear();
    this.place = null;
    this.#closeForm();
    this.#clear();
  }

  /** Say again where one writes, and whether one may. */
  describe() {
    this.#describe();
  }

  focus() {
    if (this.form) {
      this.form.focus();
    } else {
      this.input.focus({ preventScroll: true });
    }
  }

  /** Put a text here for the person to send; `choose` opens the command's options at once. */
  tryText(text, choose = false) {
    this.#closeForm();
    const typed = choose ? commandOf(text) : null;
    if (typed) {
      this.openForm(typed.command);
      return;
    }
    this.input.value = text;
    this.#typed(false);
    this.input.focus();
    this.input.setSelectionRange(text.length, text.length);
    this.picker.hide();
  }

  replyTo(message) {
    this.reply = message;
    this.replyBar.hidden = false;
    this.replyBar.replaceChildren(
      el(
        "p",
        {},
        "Replying to ",
        el("strong", {}, displayName(message.author)),
        el("span", { class: "reply-words" }, preview(message)),
      ),
      iconButton("close", "Do not reply", () => this.#stopReply()),
    );
    this.focus();
  }

  #stopReply() {
    this.reply = null;
    this.replyBar.hidden = true;
    this.focus();
  }

  /** Files chosen, dropped or pasted. */
  takeFiles(files) {
    for (const file of files) {
      if (this.form?.takeFile(file)) {
        continue;
      }
      if (this.form) {
        this.complain(`/${this.form.commandName} takes no more files.`);
      } else if (this.files.length >= MOST_FILES) {
        this.complain(`A message can have up to ${MOST_FILES} files.`);
      } else if (file.size > state.limit) {
        this.complain(tooLarge(file));
      } else {
        this.files.push(file);
      }
    }
    this.#drawFiles();
    this.focus();
  }

  #drawFiles() {
    const remove = (file) => {
      this.files = this.files.filter((each) => each !== file);
      this.#drawFiles();
      this.focus();
    };
    this.fileList.hidden = this.files.length === 0;
    this.fileList.replaceChildren(...this.files.map((file) => draftFile(file, () => remove(file))));
  }

  /** Open the options of a command; `sentence` says what is to be looked at. */
  openForm(command, { values = new Map(), sentence = null, at = null } = {}) {
    this.picker.hide();
    this.#closeForm();
    this.form = new CommandForm({
      command,
      values,
      files: this.files,
      onSent: () => this.#sent(),
      onLeave: (text) => this.#leaveForm(text),
      complain: (words) => this.complain(words),
      hint: (option) => this.hint.replaceChildren(commandHint(command, option)),
    });
    this.files = [];
    this.#drawFiles();
    this.input.hidden = true;
    this.attach.hidden = true;
    this.slot.append(this.form.element);
    this.hint.replaceChildren(commandHint(command));
    this.form.focus(at);
    this.complain(sentence);
  }

  #closeForm() {
    this.form?.element.remove();
    this.form = null;
    this.input.hidden = false;
    this.attach.hidden = false;
    this.hint.replaceChildren();
    this.complain(null);
  }

  #leaveForm(text) {
    this.#closeForm();
    this.input.value = text;
    this.#typed(false);
    this.focus();
    this.picker.hide();
  }

  #sent() {
    this.#closeForm();
    this.#clear();
    this.focus();
  }

  #clear() {
    this.input.value = "";
    this.files = [];
    this.reply = null;
    this.replyBar.hidden = true;
    this.#drawFiles();
    this.#typed(false);
  }

  complain(sentence) {
    this.note.textContent = sentence ?? "";
    this.note.hidden = !sentence;
  }

  #describe() {
    const here = placeHere();
    const closed = isClosed(here);
    const name = here ? placeName(here) : "";
    this.input.disabled = closed;
    this.attach.disabled = closed;
    this.input.placeholder = closed
      ? "This thread is locked."
      : `Message ${addressee(here, name)} or type /`;
    this.input.setAttribute("aria-label", `Message in ${name}. Type slash for commands`);
  }

  #typed(byPerson = true) {
    this.complain(null);
    this.input.style.setProperty("height", "auto");
    this.input.style.setProperty("height", `${this.input.scrollHeight}px`);
    this.sendButton.classList.toggle(
      "ready",
      this.input.value.trim() !== "" || this.files.length > 0,
    );
    if (byPerson) {
      this.#suggest();
      this.#noteTyping();
    }
  }

  #suggest() {
    const text = this.input.value;
    if (this.form) {
      return;
    }
    this.hint.replaceChildren();
    if (!text.startsWith("/") || document.activeElement !== this.input) {
      this.picker.hide();
      return;
    }
    const typed = commandOf(text);
    if (typed && typed.rest.trim() !== "") {
      this.picker.hide();
      this.hint.replaceChildren(commandHint(typed.command, currentOption(typed)));
    } else if (text.includes("\n")) {
      this.picker.hide();
    } else {
      this.picker.update(text.slice(1));
    }
  }

  #noteTyping() {
    const isWriting = this.input.value !== "" && !this.input.value.startsWith("/");
    if (isWriting && Date.now() - this.typedAt > TYPING_PAUSE) {
      this.typedAt = Date.now();
      tellTyping();
    }
  }

  #key(event) {
    if (event.isComposing) {
      return;
    }
    const typed = this.input.value.startsWith("/") ? commandOf(this.input.value) : null;
    if (event.key === "Tab" && !event.shiftKey && (this.picker.isOpen || typed)) {
      event.preventDefault();
      this.#complete(typed);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const wantsMarked = this.picker.isOpen && (this.picker.moved || !typed);
      if (wantsMarked && this.picker.list.current) {
        this.picker.pick();
      } else {
        this.#submit();
      }
    } else if (event.key === "Escape" && !this.picker.isOpen && this.reply) {
      this.#stopReply();
    } else if (event.key !== "Enter") {
      this.picker.key(event);
    }
  }

  #complete(typed) {
    if (this.picker.isOpen && this.picker.list.current) {
      this.picker.pick();
    } else if (typed) {
      this.openForm(typed.command, { values: readOptions(typed.command, typed.rest).values });
    }
  }

  async #submit() {
    if (this.form) {
      await this.form.send();
      return;
    }
    const text = this.input.value.trim();
    if (text.startsWith("/")) {
      await this.#submitCommand(text);
    } else if (text !== "" || this.files.length > 0) {
      await this.#submitMessage(text);
    }
  }

  /**
   * A command typed or pasted whole. A value that is not clear opens in the form with a sentence;
   * words that belong to no option stay where they were typed.
   */
  async #submitCommand(text) {
    const typed = commandOf(text);
    if (!typed) {
      const word = text.split(/\s/, 1)[0];
      this.complain(
        state.commands.length === 0
          ? "The bot has no commands yet. Wait until it is online."
          : `There is no command ${word}. Type / to see them all.`,
      );
      return;
    }
    const { command, rest } = typed;
    const { values, problems, doubts } = readOptions(command, rest);
    if (problems.length > 0) {
      this.complain(problems[0]); // the form has no place for these words, so they stay here
      return;
    }
    const wrong = firstWrong(command, values);
    this.openForm(command, {
      values,
      sentence: (rest.trim() === "" ? null : wrong?.sentence) ?? doubts[0] ?? null,
      at: wrong?.name,
    });
    if (doubts.length === 0 && !wrong) {
      await this.form.send();
    }
  }

  async #submitMessage(text) {
    if ([...text].length > LONGEST) {
      this.complain(`A message can have up to ${LONGEST} characters. This one has ${[...text].length}.`);
      return;
    }
    if (this.sending) {
      return;
    }
    this.sending = true;
    state.dispatchEvent(new CustomEvent("sent"));
    const { files, reply } = this;
    const where = place();
    this.#clear();
    this.typedAt = 0;
    try {
      const uploads = [];
      for (const file of files) {
        uploads.push(await upload(file));
      }
      await say(where, text, reply?.id ?? null, uploads);
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      this.#giveBack(text, files, reply);
      this.complain(error.message);
    } finally {
      this.sending = false;
    }
  }

  /** What could not be sent is put back, unless something new is being written already. */
  #giveBack(text, files, reply) {
    if (this.input.value === "") {
      this.input.value = text;
      this.#typed(false);
    }
    this.files = [...files, ...this.files];
    this.#drawFiles();
    if (reply) {
      this.replyTo(reply);
    }
  }
}

/** Whom one writes to, short enough for a phone. */
function addressee(here, name) {
  if (!here || isThread(here)) {
    return "this thread";
  }
  return here.type === DM ? `@${name}` : `#${name}`;
}

/** The option that the end of a typed command belongs to; null before the first. */
function currentOption({ command, rest }) {
  const names = command.options.map((option) => option.name);
  const given = [...rest.matchAll(/(?:^|\s)([-_\p{L}\p{N}]+):/gu)]
    .map((found) => found[1])
    .filter((name) => names.includes(name));
  return command.options.find((option) => option.name === given.at(-1)) ?? null;
}

/** The first option that is missing or cannot be read: {name, sentence}; null when all is well. */
function firstWrong(command, values) {
  for (const option of command.options) {
    if (!values.has(option.name)) {
      if (option.required) {
        return { name: option.name, sentence: `${option.name} is required.` };
      }
      continue;
    }
    const lists = [OPTION.USER, OPTION.CHANNEL, OPTION.ROLE, OPTION.MENTIONABLE];
    const read = lists.includes(option.type)
      ? { value: null }
      : readValue(option, values.get(option.name));
    if (read.wrong) {
      return { name: option.name, sentence: read.wrong };
    }
  }
  return null;
}
