// Puts the page together: the line, who looks, what is shown.

import { connectActions, loseOutcomes, tellRead } from "../net/actions.js";
import { Composer } from "../composer/composer.js";
import { el, icon } from "../controls/dom.js";
import { Log } from "../messages/log.js";
import { drawMishap } from "../frame/mishap.js";
import {
  firstPlace,
  fromAddress,
  goTo,
  leave,
  onJump,
  place,
  placeHere,
  refuge,
  rememberPerson,
} from "./navigation.js";
import { drawPeople } from "../frame/people.js";
import { drawPlaces, placeIcon, placeName } from "../frame/places.js";
import { closePopup } from "../controls/popup.js";
import { Socket } from "../net/socket.js";
import { isThread, state } from "./state.js";
import { keepCurrent } from "../text/times.js";
import { toast } from "../controls/toast.js";

const part = (id) => document.getElementById(id);

const log = new Log(part("log"), part("to-present"));
const composer = new Composer(part("composer"));
const drawer = part("drawer-button");
const narrow = matchMedia("(max-width: 760px)");
let lineIsUp = true;

const socket = new Socket({
  onEvent: (name, data) => state.receive(name, data),
  onLine: (isUp) => {
    lineIsUp = isUp;
    if (!isUp) {
      loseOutcomes();
    }
    drawBanner();
  },
});

function sitDown(person) {
  if (person === currentPerson()) {
    return;
  }
  closePopup();
  state.forget();
  composer.forget();
  leave();
  socket.open(person);
}

function currentPerson() {
  return state.people.find((person) => person.id === state.you?.id)?.name ?? null;
}

function drawHeader() {
  const here = placeHere();
  const name = here ? placeName(here) : "";
  const parent = here && isThread(here) ? state.channels.get(here.parent_id) : null;
  part("place-name").replaceChildren(
    ...(here ? [icon(placeIcon(here)), el("span", {}, name)] : []),
  );
  part("place-topic").textContent = parent
    ? `Thread in #${placeName(parent)}`
    : (here?.topic ?? "");
  part("server-name").textContent = state.guild.name;
  const unread = [...state.unread.values()].reduce((sum, count) => sum + count, 0);
  const isNew = state.unread.size > 0;
  drawer.classList.toggle("unread", isNew);
  drawer.setAttribute("aria-label", isNew ? "Show the channels, new messages" : "Show the channels");
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${name || "Dailies"} · Dailies playground`;
}

/** Whoever looks at a place has read it. */
function readHere() {
  if (placeHere() && document.visibilityState === "visible") {
    tellRead();
  }
}

function drawBanner() {
  const banner = part("banner");
  const sentence = !lineIsUp
    ? "The connection to the playground is lost. Connecting again…"
    : !state.bot.online && state.you
      ? `${state.bot.name} is offline: commands and buttons get no answer until it runs again.`
      : null;
  banner.hidden = sentence === null;
  banner.classList.toggle("banner-line", !lineIsUp);
  banner.replaceChildren(...(sentence ? [icon("warning"), sentence] : []));
}

function drawTyping({ place: where }) {
  if (where !== place()) {
    return;
  }
  const names = state.typing(where).map((id) => state.userName(id));
  const verb = names.length === 1 ? "is typing…" : "are typing…";
  part("typing").textContent = names.length === 0 ? "" : `${names.slice(0, 3).join(", ")} ${verb}`;
}

function drawList() {
  drawPlaces(part("place-list"), () => {
    closeDrawer();
    composer.focus();
  });
}

function openDrawer() {
  document.body.classList.add("drawer-open");
  part("drawer-shade").hidden = false;
  part("places").inert = false;
  part("main").inert = true;
  drawer.setAttribute("aria-expanded", "true");
  const current = part("place-list").querySelector('[aria-current="page"]');
  if (current instanceof HTMLElement) {
    current.focus();
  }
}

function closeDrawer() {
  const wasOpen = document.body.classList.contains("drawer-open");
  document.body.classList.remove("drawer-open");
  part("drawer-shade").hidden = true;
  part("main").inert = false;
  part("places").inert = narrow.matches;
  drawer.setAttribute("aria-expanded", "false");
  if (wasOpen) {
    drawer.focus();
  }
}

function watchDrawer() {
  drawer.append(icon("menu"));
  drawer.addEventListener("click", openDrawer);
  part("drawer-shade").addEventListener("click", closeDrawer);
  part("places").addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeDrawer();
    }
  });
  narrow.addEventListener("change", closeDrawer);
  closeDrawer();
}

function watchDrops() {
  const frame = part("main");
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (step) => {
    depth = step === 0 ? 0 : Math.max(0, depth + step);
    frame.classList.toggle("dropping", depth > 0);
  };
  frame.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  frame.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  frame.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  frame.addEventListener("drop", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      mark(0);
      composer.takeFiles(event.dataTransfer.files);
    }
  });
}

/** Keys of the whole page: whoever types without having chosen a field means the composer. */
function watchKeys() {
  // The address says who looks at what, so this link must not change it.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    composer.focus();
  });
  document.addEventListener("keydown", (event) => {
    const active = document.activeElement;
    const isFree = active === document.body || active.matches(".message, .log, .place");
    const isLetter =
      event.key.length === 1 &&
      event.key !== " " &&
      !event.ctrlKey &&
      !event.metaKey &&
      !event.altKey;
    if (isFree && isLetter && !document.querySelector("dialog[open]")) {
      composer.focus();
    }
  });
}

state.on("hello", () => {
  const wanted = place() ?? fromAddress().place;
  rememberPerson(currentPerson());
  drawPeople(part("people"), sitDown);
  const shown = goTo(wanted, { replace: true }) || goTo(firstPlace(), { replace: true });
  if (shown) {
    log.loadNewest();
  }
  drawHeader();
  readHere();
});
state.on("place", () => {
  closePopup();
  readHere();
  log.enter();
  composer.enter();
  drawHeader();
  drawList();
  drawTyping({ place: place() });
  const isChoosing = part("people").contains(document.activeElement);
  if (!narrow.matches && !isChoosing) {
    composer.focus();
  }
});
state.on("channels", () => {
  drawList();
  drawHeader();
  composer.describe();
});
state.on("message", ({ place: where, created }) => {
  if (created && where === place()) {
    readHere();
  }
});
state.on("placeGone", ({ place: gone }) => {
  if (gone.id === place()) {
    leave();
    goTo(refuge(gone), { replace: true });
    toast(`${placeName(gone)} was deleted, or you may not see it any more.`, "note");
  }
});
state.on("typing", drawTyping);
state.on("bot", drawBanner);
state.on("mishap", () => drawMishap(part("mishap"), socket));

addEventListener("popstate", () => {
  const wanted = fromAddress();
  if (wanted.person && wanted.person !== currentPerson()) {
    sitDown(wanted.person);
  } else if (wanted.place) {
    goTo(wanted.place, { replace: true });
  }
});
document.addEventListener(
  "visibilitychange",
  readHere,
);

onJump((where, message) => log.jump(where, message));
connectActions(socket);
keepCurrent();
watchDrawer();
watchDrops();
watchKeys();
socket.open(fromAddress().person);
