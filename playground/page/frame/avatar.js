// A round mark for a user: initials on a colour that is always the same for them.

import { el } from "../controls/dom.js";
import { displayName } from "../app/state.js";

const HUES = 6;

/** The avatar of a user; it is decoration, the name stands beside it. */
export function avatar(user) {
  if (user?.bot) {
    return el(
      "span",
      { class: "avatar avatar-bot", "aria-hidden": "true" },
      el("img", { src: "/page/drawings/logo.svg", alt: "" }),
    );
  }
  const name = displayName(user) ?? "?";
  return el(
    "span",
    { class: `avatar avatar-${hue(user?.id ?? "0")}`, "aria-hidden": "true" },
    [...name][0].toUpperCase(),
  );
}

/** One of a few colours; by the letters of the id, as ids of one moment lie close together. */
function hue(id) {
  let sum = 0;
  for (const digit of String(id)) {
    sum = (sum * 31 + digit.charCodeAt(0)) % 997;
  }
  return sum % HUES;
}
