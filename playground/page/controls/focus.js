// Where the keyboard is: walks it with the arrows, and brings it back to where it was.

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** True while nothing in particular has the keyboard. */
export function isLost() {
  return document.activeElement === null || document.activeElement === document.body;
}

/**
 * Remember a control of the page. The function returned focuses it, or what was drawn in its
 * place, or else its message; false when nothing of that is left.
 */
export function remember(control) {
  const message = control?.closest?.(".message")?.id;
  const key = control?.dataset?.key;
  return () => {
    const home = message ? document.getElementById(message) : document;
    const again = key && home?.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`);
    return [control, again, message && home].some((each) => {
      each?.focus?.({ preventScroll: true });
      return Boolean(each) && document.activeElement === each; // what is hidden takes no focus
    });
  };
}

/**
 * Let the arrows, Home and End walk through `controls`, in a circle. `keys` says which of the
 * arrows do. True when the key was one of those.
 */
export function walk(event, controls, keys = Object.keys(STEPS)) {
  const at = controls.indexOf(document.activeElement);
  const ends = { Home: 0, End: controls.length - 1 };
  if (controls.length === 0 || !(keys.includes(event.key) || event.key in ends)) {
    return false;
  }
  const next = ends[event.key] ?? (at + STEPS[event.key] + controls.length) % controls.length;
  controls[next].focus();
  event.preventDefault();
  return true;
}
