// A chosen command with its options as pills: fill them in, add optional ones, send.

import { upload } from "../net/actions.js";
import { OPTION } from "./commands.js";
import { el, icon, iconButton } from "../controls/dom.js";
import { Listbox } from "../controls/listbox.js";
import { optionField } from "./optionfield.js";
import { performCommand } from "../net/outcome.js";
import { Refused } from "../net/socket.js";

export class CommandForm {
  /**
   * `values` are texts by option name, `files` are put into the attachment options in order.
   * `onSent()` and `onLeave(text)` end the form; `complain(sentence | null)` and
   * `hint(option | null)` speak to the person.
   */
  constructor({ command, values = new Map(), files = [], onSent, onLeave, complain, hint }) {
    this.command = command;
    this.onSent = onSent;
    this.onLeave = onLeave;
    this.complain = complain;
    this.hint = hint;
    this.fields = new Map();
    this.sending = false;

    this.pills = el("span", { class: "pills" });
    this.more = this.#moreButton();
    // A button, so that the keyboard has a place where no option is filled in: Enter sends there.
    this.name = el(
      "button",
      { type: "submit", class: "command-name", title: `Send /${command.name}` },
      icon("slash"),
      `/${command.name}`,
    );
    this.element = el(
      "form",
      { class: "command-form", novalidate: true, "aria-label": `/${command.name}` },
      this.name,
      this.pills,
      this.more,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("input", () => this.complain(null));

    const waiting = [...files];
    for (const option of command.options) {
      const file = option.type === OPTION.ATTACHMENT ? (waiting.shift() ?? null) : null;
      if (option.required || values.has(option.name) || file) {
        this.#add(option, { text: values.get(option.name) ?? "", file });
      }
    }
    this.#countRest();
  }

  get commandName() {
    return this.command.name;
  }

  /** What is filled in so far, as Discord would send it; the files left out. For autocomplete. */
  known() {
    const values = {};
    for (const [name, field] of this.fields) {
      const read = field.read();
      if (read && "value" in read) {
        values[name] = read.value;
      }
    }
    return values;
  }

  /** Into the first field that is empty, or `name`; without fields, onto the command's name. */
  focus(name = null) {
    const empty = [...this.fields.values()].find((field) => field.isEmpty());
    const field = this.fields.get(name) ?? empty ?? [...this.fields.values()].at(-1);
    if (field) {
      field.focus();
    } else {
      this.name.focus();
    }
  }

  /** A file dropped or pasted: into the next free attachment option. False when there is none. */
  takeFile(file) {
    const options = this.command.options.filter((option) => option.type === OPTION.ATTACHMENT);
    const free = options.find((option) => this.fields.get(option.name)?.isEmpty() ?? true);
    if (!free) {
      return false;
    }
    if (this.fields.has(free.name)) {
      this.fields.get(free.name).put(file);
    } else {
      this.#add(free, { file });
      this.#countRest();
    }
    return true;
  }

  /** The command as one would type it. */
  asText() {
    const pairs = [...this.fields]
      .map(([name, field]) => [name, field.text()])
      .filter(([, text]) => text !== "");
    return [`/${this.command.name}`, ...pairs.map(([name, text]) => `${name}:${text}`)].join(" ");
  }

  /** Send what is filled in, if it may be sent. */
  async send() {
    if (this.sending) {
      return;
    }
    const options = this.#collect();
    if (!options) {
      return;
    }
    this.sending = true;
    this.element.classList.add("busy");
    this.complain(null);
    try {
      for (const [name, value] of Object.entries(options)) {
        if (value instanceof File) {
          options[name] = { upload: await upload(value) };
        }
      }
      await performCommand(this.command.name, options);
      this.onSent();
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      this.complain(error.message);
    } finally {
      this.sending = false;
      this.element.classList.remove("busy");
    }
  }

  #collect() {
    const options = {};
    for (const option of this.command.options) {
      const field = this.fields.get(option.name);
      const read = field?.read() ?? null;
      if (read?.wrong) {
        this.#refuse(option, read.wrong);
        return null;
      }
      if (read === null && option.required) {
        this.#refuse(option, `${option.name} is required.`);
        return null;
      }
      if (read !== null) {
        options[option.name] = read.file ?? read.value;
      }
    }
    return options;
  }

  #refuse(option, sentence) {
    this.focus(option.name);
    this.complain(sentence);
  }

  #add(option, { text = "", file = null } = {}) {
    const field = optionField(option, { text, file, form: this });
    const remove = () => this.#remove(option);
    const pill = el(
      "span",
      { class: "option-pill", data: { option: option.name } },
      el("span", { class: "option-name" }, option.name),
      field.element,
      option.required
        ? null
        : iconButton("close", `Remove ${option.name}`, remove, { class: "option-remove" }),
    );
    pill.addEventListener("focusin", () => this.hint(option));
    pill.addEventListener("click", (event) => {
      if (event.target === pill || event.target.classList.contains("option-name")) {
        field.focus();
      }
    });
    field.pill = pill;
    this.fields.set(option.name, field);
    this.pills.append(pill);
  }

  #remove(option) {
    const names = [...this.fields.keys()];
    const before = names[names.indexOf(option.name) - 1];
    this.fields.get(option.name).pill.remove();
    this.fields.delete(option.name);
    this.complain(null);
    this.#countRest();
    this.focus(before);
  }

  #rest() {
    return this.command.options.filter((option) => !this.fields.has(option.name));
  }

  #countRest() {
    const count = this.#rest().length;
    this.more.hidden = count === 0;
    this.more.replaceChildren(icon("plus"), `${count} more`);
    this.more.setAttribute("aria-label", `Add one of ${count} more options`);
  }

  #moreButton() {
    const button = el("button", {
      type: "button",
      class: "more-options",
      "aria-haspopup": "listbox",
    });
    const list = new Listbox({
      owner: button,
      label: "More options",
      onPick: (item) => {
        list.hide();
        this.#add(item.option);
        this.#countRest();
        this.focus(item.option.name);
      },
    });
    const show = () =>
      list.show(
        this.#rest().map((option) => ({
          option,
          value: option.name,
          label: option.name,
          description: option.description,
        })),
      );
    button.addEventListener("click", () => (list.isOpen ? list.hide() : show()));
    button.addEventListener("focus", () => this.hint(null));
    button.addEventListener("blur", () => list.hide());
    button.addEventListener("keydown", (event) => {
      if (list.key(event)) {
        event.stopPropagation();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        show();
      }
    });
    return button;
  }

  #key(event) {
    if (event.isComposing) {
      return;
    }
    const field = [...this.fields].find(([, each]) => each.element.contains(event.target));
    if (event.key === "Enter" && !event.shiftKey && event.target.matches("input, textarea")) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.onLeave(this.asText());
    } else if (event.key === "Backspace" && field?.[1].isEmpty()) {
      this.#backspace(event, field[0]);
    }
  }

  #backspace(event, name) {
    const option = this.command.options.find((each) => each.name === name);
    if (!option.required) {
      event.preventDefault();
      this.#remove(option);
    } else if ([...this.fields.values()].every((field) => field.isEmpty())) {
      event.preventDefault();
      this.onLeave(`/${this.command.name}`);
    }
  }
}
