"""Looks at a message or a form in a browser as a person would, wide and on a phone."""

from tests.rig.browsing import PHONE, WIDE

#: What sticks out of *it*, hides a part of its own words, or lies over others; what scrolls aside.
ASTRAY = """it => {
  const shown = [...it.querySelectorAll("*")].filter((each) => each.getClientRects().length);
  const edge = it.getBoundingClientRect();
  const out = shown.filter((each) => {
    const box = each.getBoundingClientRect();
    return box.width > 0 && (box.left < edge.left - 1 || box.right > edge.right + 1);
  });
  const cut = shown.filter((each) => {
    const style = getComputedStyle(each);
    const named = each.matches(".thread-name");  // as in Discord, a long name ends in dots
    const typed = each.matches("input, textarea, .visually-hidden");  // one scrolls in it
    return !named && !typed && style.overflowX !== "visible"
      && each.scrollWidth > each.clientWidth + 1;
  });
  const over = shown.filter((each) => each.matches(".button, .select")).flatMap((each) => {
    const a = each.getBoundingClientRect();
    const others = it.querySelectorAll(".button, .select, .text, .gallery-one");
    return [...others].filter((other) => {
      const b = other.getBoundingClientRect();
      // What has been scrolled away in a form lies below its foot, and is not seen.
      const together = other.closest(".modal-body") === each.closest(".modal-body");
      return together && other !== each && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    });
  });
  const scrolls = ["#log", "body"].filter((each) => {
    const box = document.querySelector(each);
    return box.scrollWidth > Math.min(box.clientWidth, innerWidth);
  });
  const outside = edge.left < 0 || edge.right > innerWidth ? ["it is wider than the page"] : [];
  return [...out, ...cut, ...over].map((each) => each.outerHTML.slice(0, 120))
    .concat(scrolls, outside);
}"""

#: Words in *it* that can hardly be told from what they stand on: below 4.5 to 1, as WCAG 1.4.3
#: has it, and below 3 to 1 on what cannot be pressed, of which it says nothing.
FAINT = """it => {
  const channels = (text) => {
    const found = text.match(/-?[\\d.]+(?:e-?\\d+)?/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...found.slice(0, 3).map((value) => value * scale), found[3] ?? 1];
  };
  const laid = (top, below) =>
    [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const parents = (each) => (each ? [...parents(each.parentElement), each] : []);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const worded = [...it.querySelectorAll("*")].filter((each) =>
    each.getClientRects().length && !each.closest(".emoji-text, .avatar, .written-short")
    && [...each.childNodes].some((part) => part.nodeType === Node.TEXT_NODE
      && /[\\p{L}\\p{N}]/u.test(part.data)));
  return worded.flatMap((each) => {
    let ground = [255, 255, 255, 1];
    let ink = channels(getComputedStyle(each).color);
    for (const one of parents(each)) {
      const style = getComputedStyle(one);
      const over = laid(channels(style.backgroundColor), ground);
      const seen = Number(style.opacity);
      ground = laid([...over.slice(0, 3), seen], ground);
      ink = [...ink.slice(0, 3), ink[3] * seen];
    }
    const [low, high] = [light(laid(ink, ground)), light(ground)].sort((a, b) => a - b);
    const told = (high + 0.05) / (low + 0.05);
    const enough = each.closest(":disabled") ? 3 : 4.5;
    return told < enough ? [`${told.toFixed(2)}: ${each.outerHTML.slice(0, 120)}`] : [];
  });
}"""

#: Buttons of a form that a person cannot reach without scrolling the page behind it.
OUT_OF_REACH = """form => [...form.querySelectorAll(".modal-foot .button, .modal-head button")]
  .filter((each) => {
    const box = each.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return box.top < 0 || box.bottom > innerHeight || !each.contains(at);
  }).map((each) => each.outerHTML.slice(0, 120))"""


async def look(tab, what, picture) -> None:
    """Hold that *what*, a message or a form, fits and can be read, wide and on a phone.

    *picture* is where a screenshot of one that does not is put: one takes a fifth of a second of a
    core, so none is taken of what fits. The page stays as wide as a phone.
    """
    for name, size in (("wide", WIDE), ("phone", PHONE)):
        await tab.page.set_viewport_size(size)
        await what.scroll_into_view_if_needed()
        await tab.page.evaluate("() => new Promise(requestAnimationFrame)")
        wrong = await what.evaluate(ASTRAY) + await what.evaluate(OUT_OF_REACH)
        await tab.page.emulate_media(color_scheme="dark" if size == PHONE else "light")
        wrong += await what.evaluate(FAINT)
        if wrong:
            await tab.page.screenshot(path=f"{picture}-{name}.png")
        assert wrong == [], f"{name}: {wrong}"
