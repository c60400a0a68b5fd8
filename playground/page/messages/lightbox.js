// One picture, as large as the window allows.

import { el, icon, iconButton } from "../controls/dom.js";
import { remember } from "../controls/focus.js";

/** Show a picture over the page; Escape or a click beside it closes. */
export function showPicture({ address, alt, name }) {
  const goBack = remember(document.activeElement);
  const dialog = el("dialog", { class: "lightbox", "aria-label": alt || name });
  const close = () => dialog.close();
  dialog.append(
    el(
      "div",
      { class: "lightbox-bar" },
      el(
        "a",
        {
          class: "icon-button",
          href: address,
          download: name,
          "aria-label": "Download the picture",
          title: "Download",
        },
        icon("download"),
      ),
      iconButton("close", "Close", close),
    ),
    el("img", { src: address, alt }),
    el("p", { class: "lightbox-alt" }, alt),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      close();
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    goBack();
  });
  document.body.append(dialog);
  dialog.showModal();
}
