// Builds elements; text always goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `attributes` are plain attributes, except: `on` maps event names to functions,
 * `data` fills the dataset, a value of null, undefined or false leaves the attribute away and
 * true writes it empty. Children that are null or false are left out.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(element, name, value);
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    return;
  }
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) {
      element.addEventListener(event, listener);
    }
  } else if (name === "data") {
    Object.assign(element.dataset, value);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** An icon from icons.svg; it says nothing to a screen reader, the button around it does. */
export function icon(name) {
  return drawing("/page/drawings/icons.svg", name, "icon");
}

/** A symbol of one of the page's own SVG files. */
export function drawing(file, symbol, className) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${file}#${symbol}`);
  svg.append(use);
  return svg;
}

/** A square button that shows only an icon. */
export function iconButton(name, label, listener, attributes = {}) {
  return el(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": label,
      title: label,
      on: { click: listener },
      ...attributes,
    },
    icon(name),
  );
}

let lastId = 0;

/** A fresh id, for aria-controls and labels. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
