// Discord's ids: numbers too long for JavaScript, kept as text.

/** Negative when `a` is older than `b`. */
export function compareIds(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** The id after this one: "before" this is "up to and with" that. */
export function nextId(id) {
  return String(BigInt(id) + 1n);
}
