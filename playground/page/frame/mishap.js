// The switches for what goes wrong at the imitated companies: with the next clip, and with each.

import { el } from "../controls/dom.js";
import { state } from "../app/state.js";
import { toast } from "../controls/toast.js";

const NEXT = {
  "": "goes well",
  fail: "fails at the provider",
  stall: "is never finished",
  refuse: "is refused",
  lose: "is billed and lost",
  unclear: "may have been taken",
};
const EACH = {
  "": "works",
  fail: "fails every clip",
  stall: "finishes no clip",
  refuse: "refuses every clip",
  lose: "bills and loses every clip",
  unclear: "takes clips without an answer",
};

/** Draw the switches into `frame`; hidden where no companies are imitated. */
export function drawMishap(frame, socket) {
  const mishaps = state.mishaps;
  frame.hidden = !mishaps;
  if (!mishaps) {
    frame.replaceChildren();
    return;
  }
  const names = Object.keys(mishaps.companies);
  if (frame.dataset.names !== names.join() || !frame.firstChild) {
    frame.dataset.names = names.join();
    frame.replaceChildren(...build(mishaps.choices, names, socket));
  }
  show(frame.querySelector("#mishap-next"), mishaps.next);
  for (const select of frame.querySelectorAll("select[data-company]")) {
    show(select, mishaps.companies[select.dataset.company]);
  }
  const failing = names.filter((name) => mishaps.companies[name]);
  frame.querySelector("summary").textContent = summary(failing);
  frame.querySelector("summary").classList.toggle("mishap-set", failing.length > 0);
  frame.querySelector(".mishap-recover").disabled = failing.length === 0 && !mishaps.next;
}

/** What is said of the companies while their switches are folded up. */
export function summary(failing) {
  if (failing.length === 0) {
    return "All providers work";
  }
  return failing.length === 1
    ? `${failing[0]} doesn't work`
    : `${failing.length} providers don't work`;
}

function show(select, kind) {
  select.value = kind ?? "";
  select.classList.toggle("mishap-set", Boolean(kind));
}

function build(choices, names, socket) {
  const tell = async (fields) => {
    try {
      await socket.ask("mishap", fields);
    } catch (refused) {
      toast(refused.message);
      state.dispatchEvent(new CustomEvent("mishap", { detail: {} })); // show again what is so
    }
  };
  const recover = () => tell({ recover: true });
  return [
    choice("mishap-next", "The next clip", NEXT, choices, null, tell),
    el(
      "details",
      { class: "mishap-companies" },
      el("summary", {}),
      el(
        "div",
        { class: "mishap-list" },
        el(
          "button",
          { type: "button", class: "button button-secondary mishap-recover", on: { click: recover } },
          "Let all work again",
        ),
        names.map((name, index) => choice(`mishap-${index}`, name, EACH, choices, name, tell)),
      ),
    ),
  ];
}

function choice(id, label, words, choices, company, tell) {
  const select = el(
    "select",
    { id, data: company ? { company } : {} },
    ["", ...choices].map((kind) => el("option", { value: kind }, words[kind] ?? kind)),
  );
  select.addEventListener("change", () => tell({ company, kind: select.value || null }));
  return el("div", { class: "mishap-choice" }, el("label", { for: id }, label), select);
}
