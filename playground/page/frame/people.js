// The switch between the people who can sit at this page.

import { avatar } from "./avatar.js";
import { el } from "../controls/dom.js";
import { state } from "../app/state.js";

/** Draw the switch into `frame`; `onChoose(name)` is called when somebody else sits down. */
export function drawPeople(frame, onChoose) {
  const hadFocus = frame.contains(document.activeElement);
  frame.replaceChildren(...state.people.map((person) => personButton(person, onChoose)));
  if (hadFocus) {
    frame.querySelector('[aria-checked="true"]')?.focus();
  }
  frame.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = state.people.findIndex((person) => person.id === state.you?.id);
    if (step && at >= 0) {
      event.preventDefault();
      onChoose(state.people[(at + step + state.people.length) % state.people.length].name);
    }
  };
}

function personButton(person, onChoose) {
  const isMe = person.id === state.you?.id;
  const role = person.moderator ? "moderator" : "member";
  return el(
    "button",
    {
      type: "button",
      class: isMe ? "person me" : "person",
      role: "radio",
      "aria-checked": isMe ? "true" : "false",
      "aria-label": `${person.display}, ${role}`,
      tabindex: isMe ? "0" : "-1",
      title: isMe ? `You are ${person.display} (${role})` : `Become ${person.display} (${role})`,
      data: { person: person.name },
      on: { click: () => onChoose(person.name) },
    },
    avatar(state.users.get(person.id) ?? { id: person.id, global_name: person.display }),
    el(
      "span",
      { class: "person-words" },
      el("span", { class: "person-name" }, person.display),
      el("span", { class: "person-role" }, role),
    ),
  );
}
