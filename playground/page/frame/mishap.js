// The switch for what goes wrong with the next clip of the imitated companies.

import { el } from "../controls/dom.js";
import { state } from "../app/state.js";
import { toast } from "../controls/toast.js";

const WORDS = {
  "": "goes well",
  fail: "fails at the company",
  stall: "is never finished",
  refuse: "is refused",
  lose: "is billed and lost",
  unclear: "may have been taken",
};

/** Draw the switch into `frame`; hidden where no companies are imitated. */
export function drawMishap(frame, socket) {
  const mishaps = state.mishaps;
  frame.hidden = !mishaps;
  if (!mishaps) {
    frame.replaceChildren();
    return;
  }
  const select = frame.querySelector("select") ?? build(frame, mishaps.choices, socket);
  select.value = mishaps.next ?? "";
  frame.classList.toggle("mishap-set", Boolean(mishaps.next));
}

function build(frame, choices, socket) {
  const select = el(
    "select",
    { id: "mishap-next" },
    ["", ...choices].map((kind) => el("option", { value: kind }, WORDS[kind] ?? kind)),
  );
  select.addEventListener("change", async () => {
    try {
      await socket.ask("mishap", { next: select.value || null });
    } catch (refused) {
      toast(refused.message);
      select.value = state.mishaps?.next ?? "";
    }
  });
  frame.replaceChildren(el("label", { for: "mishap-next" }, "The next clip"), select);
  return select;
}
