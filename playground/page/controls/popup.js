// Places something beside its anchor, above the page, and closes it when the person looks elsewhere.

const GAP = 6;
const EDGE = 8;

let open = null;

/** Close whatever is open. */
export function closePopup() {
  open?.close();
}

/**
 * Show `element` beside `anchor` (an element or a {x, y} point). `wide` gives it the anchor's width.
 * `onClose` is called once. Returns a function that closes it.
 */
export function showPopup(element, anchor, { wide = false, onClose = () => {}, keep = null } = {}) {
  closePopup();
  const home = (anchor instanceof Element && anchor.closest("dialog")) || document.body;
  element.classList.add("popup");
  home.append(element);
  position(element, anchor, wide);

  const outside = (event) => {
    const inside =
      element.contains(event.target) ||
      (anchor instanceof Element && anchor.contains(event.target));
    if (!inside && !keep?.contains(event.target)) {
      close();
    }
  };
  const again = (event) => {
    if (!(event.target instanceof Node && element.contains(event.target))) {
      position(element, anchor, wide);
    }
  };
  const close = () => {
    if (open?.element !== element) {
      return;
    }
    open = null;
    removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", again);
    removeEventListener("scroll", again, true);
    element.remove();
    onClose();
  };
  open = { element, close };
  addEventListener("pointerdown", outside, true);
  addEventListener("resize", again);
  addEventListener("scroll", again, true);
  return close;
}

/** Where a popup belongs: beside its anchor; for a field of the composer, above the whole composer. */
function boxOf(anchor) {
  if (!(anchor instanceof Element)) {
    return new DOMRect(anchor.x, anchor.y, 0, 0);
  }
  const box = anchor.getBoundingClientRect();
  const frame = anchor.closest(".composer")?.getBoundingClientRect();
  return frame ? new DOMRect(box.x, frame.y, box.width, frame.height) : box;
}

/** Put an open popup where its anchor is now. */
export function position(element, anchor, wide = false) {
  const box = boxOf(anchor);
  const style = element.style;
  style.setProperty("width", wide ? `${Math.max(box.width, 240)}px` : "");
  style.setProperty("max-height", "");
  const above = box.top - GAP - EDGE;
  const below = innerHeight - box.bottom - GAP - EDGE;
  const height = element.offsetHeight;
  const goesUp = height > below && above > below;
  style.setProperty("max-height", `${Math.max(goesUp ? above : below, 120)}px`);
  const shownHeight = element.offsetHeight;
  const top = goesUp ? box.top - GAP - shownHeight : box.bottom + GAP;
  const left = Math.min(box.left, innerWidth - element.offsetWidth - EDGE);
  style.setProperty("top", `${Math.max(EDGE, top)}px`);
  style.setProperty("left", `${Math.max(EDGE, left)}px`);
}
