// Short sentences at the edge of the window that go away by themselves.

import { el } from "./dom.js";

const SHOWN = 6000;

/** Say a sentence to the person; `kind` is "error" or "note". */
export function toast(sentence, kind = "error") {
  const frame = document.getElementById("toasts");
  const box = el("p", { class: `toast toast-${kind}` }, sentence);
  frame.append(box);
  while (frame.children.length > 3) {
    frame.firstChild.remove();
  }
  setTimeout(() => box.remove(), SHOWN);
}
