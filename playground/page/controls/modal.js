// Modals: a bot's form over the page.

import { submitModal, upload } from "../net/actions.js";
import { el, freshId, icon, iconButton } from "./dom.js";
import { remember } from "./focus.js";
import { partialEmoji } from "../text/emoji.js";
import { draftFile } from "../messages/media.js";
import { selectElement } from "./select.js";
import { Refused } from "../net/socket.js";
import { richText } from "../text/text.js";

const KIND = {
  ROW: 1,
  STRING_SELECT: 3,
  TEXT_INPUT: 4,
  CHANNEL_SELECT: 8,
  TEXT: 10,
  LABEL: 18,
  FILES: 19,
  RADIO: 21,
  CHECKBOXES: 22,
  CHECKBOX: 23,
};
const PARAGRAPH = 2;

/** Show the modal of an interaction's outcome; the focus returns to `opener` when it is closed. */
export function showModal({ id, modal }, opener) {
  const fields = [];
  const title = freshId("modal-title");
  const complaint = el("p", { class: "form-error", role: "alert", hidden: true });
  const send = el("button", { type: "submit", class: "button button-primary" }, "Submit");
  const goBack = remember(opener);
  const dialog = el("dialog", { class: "modal", "aria-labelledby": title });
  const close = () => dialog.close();
  const form = el(
    "form",
    { novalidate: true },
    el(
      "header",
      { class: "modal-head" },
      el("h2", { id: title }, modal.title),
      iconButton("close", "Close", close),
    ),
    el(
      "div",
      { class: "modal-body" },
      (modal.components ?? []).map((each) => topLevel(each, fields)),
      complaint,
    ),
    el(
      "footer",
      { class: "modal-foot" },
      el(
        "button",
        { type: "button", class: "button button-secondary", on: { click: close } },
        "Cancel",
      ),
      send,
    ),
  );
  dialog.append(form);

  const complain = (sentence) => {
    complaint.textContent = sentence;
    complaint.hidden = false;
    complaint.scrollIntoView({ block: "nearest" });
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled) {
      return;
    }
    complaint.hidden = true;
    const wrong = fields.map((field) => field.check()).filter(Boolean);
    if (wrong.length > 0) {
      fields.find((field) => field.check())?.focus();
      return;
    }
    send.disabled = true;
    send.classList.add("busy");
    try {
      const values = {};
      for (const field of fields) {
        values[field.id] = await field.value();
      }
      const sent = await submitModal(id, values);
      const outcome = await sent.outcome;
      if (outcome.state === "failed") {
        complain("The application did not respond. Nothing was sent twice. You can try again.");
      } else if (outcome.state === "unknown") {
        complain("The connection was lost before the answer came. Check before you try again.");
      } else {
        close();
      }
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      complain(error.message);
    } finally {
      send.disabled = false;
      send.classList.remove("busy");
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      form.requestSubmit();
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (!goBack()) {
      document.getElementById("composer-input")?.focus({ preventScroll: true });
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  fields[0]?.focus();
}

function topLevel(component, fields) {
  switch (component.type) {
    case KIND.TEXT:
      return richText(component.content);
    case KIND.LABEL:
      return labelled(component.label, component.description, component.component, fields);
    case KIND.ROW:
      return (component.components ?? []).map((each) => labelled(each.label, null, each, fields));
    default:
      return null;
  }
}

/** A field with its words, its limits and the sentence that says what is wrong with it. */
function labelled(label, description, component, fields) {
  const field = makeField(component, label);
  const error = el("p", { class: "field-error", id: freshId("error"), hidden: true });
  const note = description && el("p", { class: "field-note", id: freshId("note") }, description);
  const check = () => {
    const sentence = field.wrong();
    error.textContent = sentence ?? "";
    error.hidden = !sentence;
    field.control.setAttribute("aria-invalid", sentence ? "true" : "false");
    return sentence;
  };
  field.control.setAttribute("aria-describedby", [note?.id, error.id].filter(Boolean).join(" "));
  fields.push({
    id: component.custom_id,
    value: field.value,
    check,
    focus: () => field.control.focus(),
  });
  const required = component.required ?? component.type !== KIND.CHECKBOX;
  const words = [label, required && el("span", { class: "required", title: "Required" }, " *")];
  if (field.grouped) {
    return el(
      "fieldset",
      { class: "field" },
      el("legend", { class: "field-label" }, words),
      note,
      field.element,
      error,
    );
  }
  const id = freshId("field");
  field.control.id = id;
  return el(
    "div",
    { class: "field" },
    el("label", { class: "field-label", for: id }, words),
    note,
    field.element,
    error,
  );
}

function makeField(component, label) {
  switch (component.type) {
    case KIND.TEXT_INPUT:
      return textField(component);
    case KIND.FILES:
      return fileField(component);
    case KIND.RADIO:
      return optionField(component, "radio");
    case KIND.CHECKBOXES:
      return optionField(component, "checkbox");
    case KIND.CHECKBOX:
      return checkbox(component);
    default:
      return selectField(component, label);
  }
}

function textField(component) {
  const required = component.required ?? true;
  const least = component.min_length ?? (required ? 1 : 0);
  const most = component.max_length ?? 4000;
  const isLong = component.style === PARAGRAPH;
  const control = el(isLong ? "textarea" : "input", {
    class: "input",
    placeholder: component.placeholder,
    maxlength: most,
    rows: isLong ? 4 : null,
    type: isLong ? null : "text",
    autocomplete: "off",
    data: { field: component.custom_id },
  });
  control.value = component.value ?? "";
  const wrong = () => {
    const length = control.value.trim().length;
    if (length === 0) {
      return required ? "Fill this in." : null;
    }
    return length < least ? `Write at least ${least} characters.` : null;
  };
  return { element: control, control, wrong, value: () => control.value };
}

function selectField(component, label) {
  const required = component.required ?? true;
  const control = selectElement({ min_values: required ? 1 : 0, ...component }, { label });
  const wrong = () => {
    const least = required ? Math.max(1, component.min_values ?? 1) : 0;
    return control.values().length < least ? "Make a choice." : null;
  };
  return { element: control, control, wrong, value: () => control.values() };
}

/** Radio buttons or a group of checkboxes. */
function optionField(component, type) {
  const name = freshId("options");
  const inputs = (component.options ?? []).map((option) => ({
    option,
    input: el("input", { type, name, value: option.value, checked: option.default }),
  }));
  const required = component.required ?? true;
  const rows = inputs.map(({ option, input }) =>
    el(
      "label",
      { class: "choice" },
      input,
      el(
        "span",
        {},
        partialEmoji(option.emoji),
        option.label,
        option.description && el("span", { class: "field-note" }, option.description),
      ),
    ),
  );
  const chosen = () =>
    inputs.filter(({ input }) => input.checked).map(({ option }) => option.value);
  const least =
    type === "radio" ? Number(required) : required ? Math.max(1, component.min_values ?? 1) : 0;
  const most = type === "radio" ? 1 : (component.max_values ?? inputs.length);
  const wrong = () => {
    const count = chosen().length;
    if (count > most) {
      return `Choose at most ${most}.`;
    }
    return count < least ? (least === 1 ? "Make a choice." : `Choose at least ${least}.`) : null;
  };
  const value = () => (type === "radio" ? (chosen()[0] ?? null) : chosen());
  const element = el("div", { class: "choices" }, rows);
  return { element, control: inputs[0]?.input ?? element, wrong, value, grouped: true };
}

function checkbox(component) {
  const control = el("input", {
    type: "checkbox",
    class: "single-checkbox",
    checked: component.default,
  });
  return { element: control, control, wrong: () => null, value: () => control.checked };
}

function fileField(component) {
  const required = component.required ?? true;
  const least = required ? Math.max(1, component.min_values ?? 1) : (component.min_values ?? 0);
  const most = component.max_values ?? 1;
  const accept = (component.file_types ?? [])
    .map((type) => (type.startsWith(".") ? type : `${type}/*`))
    .join(",");
  let files = [];
  const chooser = el("input", {
    type: "file",
    class: "visually-hidden",
    tabindex: "-1",
    multiple: most > 1,
    accept: accept || null,
  });
  const control = el(
    "button",
    { type: "button", class: "drop-zone", on: { click: () => chooser.click() } },
    icon("plus"),
    most > 1 ? "Choose files, or drop them here" : "Choose a file, or drop it here",
  );
  const list = el("ul", { class: "draft-files" });
  const element = el("div", { class: "file-field" }, control, chooser, list);

  const draw = () => {
    list.replaceChildren(...files.map((file) => draftFile(file, () => remove(file))));
    control.hidden = files.length >= most;
  };
  const remove = (file) => {
    files = files.filter((each) => each !== file);
    draw();
    control.focus();
  };
  const add = (more) => {
    files = [...files, ...more].slice(0, most);
    draw();
    (control.hidden ? list.querySelector("button") : control)?.focus();
  };

  chooser.addEventListener("change", () => {
    add(chooser.files);
    chooser.value = "";
  });
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    add(event.dataTransfer.files);
  });
  const wrong = () =>
    files.length < least
      ? least === 1
        ? "Choose a file."
        : `Choose at least ${least} files.`
      : null;
  const value = async () =>
    Promise.all(files.map(async (file) => ({ upload: await upload(file) })));
  return { element, control, wrong, value };
}
