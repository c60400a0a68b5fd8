// What one can do with a message: by its toolbar, a right click, a long press or the keyboard.

import { deleteMessage, mayDelete, toggleReaction } from "../net/actions.js";
import { visibleCommands } from "../composer/commands.js";
import { showEmojiPicker, showMenu } from "../controls/menu.js";
import { performMenu } from "../net/outcome.js";
import { isEphemeral, state } from "../app/state.js";
import { toast } from "../controls/toast.js";

const MESSAGE_COMMAND = 3;
const LONG_PRESS = 500; // ms
const STILL = 10; // px a finger may move while it presses

function react(message, emoji) {
  const mine = (message.reactions ?? []).find((each) => each.emoji.name === emoji)?.me ?? false;
  toggleReaction(message, emoji, mine);
}

/** Answer this message: the composer takes it from here. */
export function replyTo(message) {
  state.dispatchEvent(new CustomEvent("replyTo", { detail: { message } }));
}

/** The emoji picker for a message. */
export function openReactionPicker(message, anchor, opener = anchor) {
  showEmojiPicker(anchor, { opener, onPick: (emoji) => react(message, emoji) });
}

/** The menu of a message, with the bot's message commands under "Apps". */
export function openMessageMenu(message, anchor, opener = document.activeElement) {
  const isPrivate = isEphemeral(message);
  const apps = visibleCommands(MESSAGE_COMMAND);
  const entries = [];
  if (!isPrivate) {
    entries.push({
      label: "Add a reaction",
      icon: "smile",
      run: () => openReactionPicker(message, anchor, opener),
    });
    entries.push({ label: "Reply", icon: "reply", run: () => replyTo(message) });
  }
  if (apps.length > 0 && !isPrivate) {
    entries.push({ heading: "Apps" });
    entries.push(
      ...apps.map((command) => ({
        label: command.name,
        icon: "apps",
        run: () => performMenu(message, command.name),
      })),
    );
    entries.push({ heading: "Message" });
  }
  if (message.content) {
    entries.push({ label: "Copy the text", icon: "copy", run: () => copy(message.content) });
  }
  entries.push({ label: "Copy the message's id", icon: "copy", run: () => copy(message.id) });
  if (isPrivate) {
    entries.push({ label: "Dismiss", icon: "close", run: () => deleteMessage(message) });
  } else if (mayDelete(message)) {
    entries.push({
      label: "Delete",
      icon: "trash",
      danger: true,
      run: () => deleteMessage(message),
    });
  }
  showMenu(anchor, {
    label: "What to do with this message",
    entries,
    opener,
    quick: isPrivate ? null : (emoji) => react(message, emoji),
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", "note");
  } catch {
    toast("This browser doesn't let the page copy. Select the text and copy it.");
  }
}

/** Right click and long press anywhere in `log` open the menu of the message there. */
export function watchForMenus(log) {
  let pressed = null;

  const messageAt = (target) => target.closest?.(".message")?.message ?? null;
  const ownMenu = (target) => target.closest("a, video, audio, input, textarea, .message-system");
  const forget = () => {
    clearTimeout(pressed?.timer);
    pressed = null;
  };

  log.addEventListener("contextmenu", (event) => {
    const message = messageAt(event.target);
    if (!message || ownMenu(event.target) || String(getSelection()) !== "") {
      return;
    }
    event.preventDefault();
    const byKeyboard = event.clientX === 0 && event.clientY === 0;
    const element = event.target.closest(".message");
    openMessageMenu(
      message,
      byKeyboard ? element : { x: event.clientX, y: event.clientY },
      byKeyboard ? event.target : element,
    );
  });

  log.addEventListener("pointerdown", (event) => {
    forget();
    const message = messageAt(event.target);
    if (event.pointerType !== "touch" || !message || ownMenu(event.target)) {
      return;
    }
    const { clientX: x, clientY: y } = event;
    const open = () => {
      forget();
      openMessageMenu(message, { x, y }, event.target.closest(".message"));
    };
    pressed = { x, y, timer: setTimeout(open, LONG_PRESS) };
  });
  log.addEventListener("pointermove", (event) => {
    if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > STILL) {
      forget();
    }
  });
  for (const name of ["pointerup", "pointercancel", "scroll"]) {
    log.addEventListener(name, forget, { passive: true });
  }
}
