// Moments as people read them, in the reader's own zone, kept current while the page is open.

import { el } from "../controls/dom.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// The playground's clock may be turned by hand; this is how far it is ahead of ours, in seconds.
let ahead = 0;

/** Tell this module what time it is in the playground, in seconds since 1970. */
export function setNow(seconds) {
  ahead = seconds - Date.now() / 1000;
}

/** The playground's time in seconds since 1970. */
export function now() {
  return Date.now() / 1000 + ahead;
}

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const STYLES = {
  t: format({ timeStyle: "short" }),
  T: format({ timeStyle: "medium" }),
  d: format({ dateStyle: "short" }),
  D: format({ dateStyle: "long" }),
  f: format({ dateStyle: "long", timeStyle: "short" }),
  F: format({ dateStyle: "full", timeStyle: "short" }),
  s: format({ dateStyle: "short", timeStyle: "short" }),
  S: format({ dateStyle: "short", timeStyle: "medium" }),
};
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** @type {[number, Intl.RelativeTimeFormatUnit][]} */
const STEPS = [
  [365 * DAY, "year"],
  [30 * DAY, "month"],
  [DAY, "day"],
  [HOUR, "hour"],
  [MINUTE, "minute"],
  [1, "second"],
];

/** "in 5 minutes", "2 hours ago". `seconds` since 1970. */
export function fromNow(seconds) {
  const distance = seconds - now();
  const [size, unit] = STEPS.find(([length]) => Math.abs(distance) >= length) ?? [1, "second"];
  return relative.format(Math.trunc(distance / size), unit);
}

/** Discord's `<t:seconds:style>` as an element. */
export function timestamp(seconds, style) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) {
    return el("span", {}, "an impossible time");
  }
  const text = style === "R" ? fromNow(seconds) : (STYLES[style] ?? STYLES.f).format(date);
  const data = style === "R" ? { relative: seconds } : {};
  return el(
    "time",
    { class: "stamp", datetime: date.toISOString(), title: STYLES.F.format(date), data },
    text,
  );
}

/** When a message was written: "Today at 14:05". */
export function messageTime(iso) {
  const date = new Date(iso);
  const text = `${dayWord(date, { dateStyle: "short" })} ${date.getTime() ? "at " : ""}${STYLES.t.format(date)}`;
  return el("time", { class: "written", datetime: iso, title: STYLES.F.format(date) }, text);
}

/** Only the clock, for the messages that follow another of the same author. */
export function shortTime(iso) {
  return el(
    "time",
    { class: "written-short", datetime: iso, title: STYLES.F.format(new Date(iso)) },
    STYLES.t.format(new Date(iso)),
  );
}

/** "Today", "Yesterday", or the date; the line between two days. */
export function dayName(iso) {
  return dayWord(new Date(iso), { dateStyle: "long" });
}

/** The same for all moments of one day in the reader's zone. */
export function dayKey(iso) {
  return new Date(iso).toDateString();
}

function dayWord(date, options) {
  const days = Math.round((startOfDay(new Date(now() * 1000)) - startOfDay(date)) / (DAY * 1000));
  if (days === 0) {
    return "Today";
  }
  return days === 1 ? "Yesterday" : format(options).format(date);
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Rewrites every relative moment on the page. */
function refresh() {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("time[data-relative]")
  )) {
    const text = fromNow(Number(element.dataset.relative));
    if (element.textContent !== text) {
      element.textContent = text;
    }
  }
}

/** Keep "in 5 minutes" true from now on. */
export function keepCurrent() {
  setInterval(refresh, 1000);
}
