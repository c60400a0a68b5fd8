// What this person can see, as the playground told it. Tells others what changed; draws nothing.

import { compareIds } from "./ids.js";
import { setNow } from "../text/times.js";

const THREADS = new Set([10, 11, 12]);
/** Discord's type of a direct message. */
export const DM = 1;
const STARTER = 21;
const EPHEMERAL = 1 << 6;
const TYPING_SECONDS = 10;

/** True for a thread, false for a channel. */
export function isThread(place) {
  return THREADS.has(place.type);
}

/** True for a message that only its reader sees. */
export function isEphemeral(message) {
  return ((message.flags ?? 0) & EPHEMERAL) !== 0;
}

/** The messages of one place: what is loaded of them, by id. */
class Room {
  constructor() {
    this.messages = new Map();
    this.loaded = false; // the newest page is here
    this.complete = false; // the oldest message is here
  }

  /** Oldest first. */
  list() {
    return [...this.messages.values()].sort((a, b) => compareIds(a.id, b.id));
  }
}

class State extends EventTarget {
  constructor() {
    super();
    this.forget();
  }

  /** Back to knowing nothing: another person is about to look. */
  forget() {
    this.you = null;
    this.people = [];
    this.users = new Map();
    this.guild = { id: "0", name: "Playground", roles: [] };
    this.channels = new Map();
    this.commands = [];
    this.limit = 10 * 1024 * 1024;
    this.origin = location.origin;
    this.mishaps = null;
    this.bot = { online: true, name: "The bot" };
    this.rooms = new Map();
    this.unread = new Map(); // place -> how many messages for this person (0: unread, none)
    this.typers = new Map(); // place -> Map(user id -> when it ends, ms)
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Call `listener(detail)` whenever `name` happens. */
  on(name, listener) {
    this.addEventListener(name, (event) =>
      listener(/** @type {CustomEvent} */ (event).detail),
    );
  }

  room(place) {
    if (!this.rooms.has(place)) {
      this.rooms.set(place, new Room());
    }
    return this.rooms.get(place);
  }

  message(id) {
    for (const room of this.rooms.values()) {
      if (room.messages.has(id)) {
        return room.messages.get(id);
      }
    }
    return null;
  }

  /** The name to show for a user id; the id's user need not be known. */
  userName(id) {
    return displayName(this.users.get(id)) ?? "someone";
  }

  isModerator() {
    return this.people.find((person) => person.id === this.you?.id)?.moderator ?? false;
  }

  /** Channels in the order of the list, without threads. */
  channelList() {
    return [...this.channels.values()]
      .filter((channel) => !isThread(channel))
      .sort((a, b) => (a.position ?? 0) - (b.position ?? 0) || compareIds(a.id, b.id));
  }

  /** Threads of a channel, the one with the newest message first. */
  threadList(parent) {
    return [...this.channels.values()]
      .filter((channel) => isThread(channel) && channel.parent_id === parent)
      .sort((a, b) => compareIds(b.last_message_id ?? b.id, a.last_message_id ?? a.id));
  }

  typing(place) {
    const ends = this.typers.get(place) ?? new Map();
    return [...ends.keys()].filter((id) => ends.get(id) > Date.now() && id !== this.you?.id);
  }

  markRead(place) {
    if (this.unread.delete(place)) {
      this.#tell("channels");
    }
  }

  /** A page of history, oldest first; `newest` when it ends at the present. */
  addHistory(place, messages, { newest, complete }) {
    const room = this.room(place);
    const wasKnown = room.messages.size > 0;
    const overlaps = messages.some((message) => room.messages.has(message.id));
    if (newest && wasKnown && !overlaps) {
      // Too much was missed to fill the hole: begin again from the present.
      room.messages.clear();
      room.complete = false;
    } else if (newest && messages.length > 0) {
      // Whatever this page should hold and does not is gone.
      const known = new Set(messages.map((message) => message.id));
      for (const id of room.messages.keys()) {
        if (!known.has(id) && compareIds(id, messages[0].id) > 0) {
          room.messages.delete(id);
        }
      }
    } else if (newest) {
      room.messages.clear();
    }
    for (const message of messages) {
      this.#learnUsers(message);
      room.messages.set(message.id, message);
    }
    room.loaded ||= newest;
    room.complete ||= complete;
    this.#tell("history", { place });
  }

  /** Take an event of the playground, whatever it is. */
  receive(name, data) {
    this[`on_${name}`]?.(data);
  }

  on_HELLO(data) {
    this.you = data.you;
    this.people = data.people;
    this.guild = { roles: [], ...data.guild };
    this.channels = new Map(data.channels.map((channel) => [channel.id, channel]));
    this.unread = new Map(Object.entries(data.unread ?? {}));
    this.commands = data.commands;
    this.limit = data.limit;
    this.mishaps = data.mishaps ?? null;
    this.origin = data.origin ?? location.origin;
    this.users.set(data.you.id, data.you);
    for (const person of data.people) {
      this.users.set(person.id, {
        id: person.id,
        username: person.name,
        global_name: person.display,
        ...this.users.get(person.id),
      });
    }
    if (data.bot) {
      this.bot = {
        online: data.bot.online,
        name: displayName(data.bot.user) ?? "The bot",
        user: data.bot.user,
      };
      this.users.set(data.bot.user.id, data.bot.user);
    }
    setNow(data.now);
    for (const room of this.rooms.values()) {
      room.loaded = false;
    }
    this.#tell("hello");
    this.#tell("channels");
    this.#tell("commands");
    this.#tell("bot");
    this.#tell("mishap");
  }

  on_MISHAP(data) {
    this.mishaps = this.mishaps && { ...this.mishaps, ...data };
    this.#tell("mishap");
  }

  on_CLOCK(data) {
    setNow(data.now);
  }

  on_COMMANDS(data) {
    this.commands = data;
    this.#tell("commands");
  }

  on_BOT(data) {
    this.bot = { ...this.bot, online: data.online };
    this.#tell("bot");
  }

  on_INTERACTION(data) {
    this.#tell("interaction", data);
  }

  /** This person has read a place, here or on another page of theirs. */
  on_READ(data) {
    this.markRead(data.channel_id);
  }

  on_MESSAGE_CREATE(message) {
    this.#learnUsers(message);
    const room = this.room(message.channel_id);
    const isNew = !room.messages.has(message.id);
    room.messages.set(message.id, { reactions: [], ...message });
    this.typers.get(message.channel_id)?.delete(message.author.id);
    if (isNew) {
      this.#countInPlace(message);
    }
    this.#tell("message", { place: message.channel_id, id: message.id, created: isNew });
    this.#tell("typing", { place: message.channel_id });
  }

  #countInPlace(message) {
    const place = this.channels.get(message.channel_id);
    if (!place) {
      return;
    }
    place.last_message_id = message.id;
    if (isThread(place) && message.type !== STARTER && !isEphemeral(message)) {
      place.message_count = (place.message_count ?? 0) + 1;
      this.#tell("thread", { id: place.id });
    }
    if (message.author.id !== this.you?.id && message.type !== STARTER) {
      const isForMe =
        place.type === DM || (message.mentions ?? []).some((user) => user.id === this.you?.id);
      this.unread.set(place.id, (this.unread.get(place.id) ?? 0) + (isForMe ? 1 : 0));
    }
    this.#tell("channels");
  }

  on_MESSAGE_UPDATE(change) {
    for (const message of this.#copies(change.channel_id, change.id)) {
      // Reactions are counted by their own events; an update may carry somebody else's view of them.
      Object.assign(message, change, { reactions: message.reactions });
      this.#learnUsers(message);
    }
    this.redraw(change.channel_id, change.id);
  }

  /** Have a message drawn again wherever it is shown. */
  redraw(place, id) {
    this.#tell("message", { place, id, created: false });
    const starter = this.#starter(id);
    if (starter) {
      this.#tell("message", { place: id, id: starter.id, created: false });
    }
  }

  /** The first message of a thread (its id is the id of the message it was started from), if it is loaded. */
  #starter(thread) {
    const first = this.rooms.get(thread)?.list()[0];
    return first?.type === STARTER ? first : null;
  }

  /** A message as its channel holds it, and as the thread started from it shows it; what is loaded. */
  #copies(place, id) {
    const own = this.rooms.get(place)?.messages.get(id);
    const shown = this.#starter(id)?.referenced_message;
    return [own, shown].filter(Boolean);
  }

  on_MESSAGE_DELETE(data) {
    this.#remove(data.channel_id, data.id);
  }

  on_MESSAGE_DELETE_BULK(data) {
    for (const id of data.ids) {
      this.#remove(data.channel_id, id);
    }
  }

  #remove(place, id) {
    if (this.rooms.get(place)?.messages.delete(id)) {
      this.#tell("gone", { place, id });
    }
  }

  on_MESSAGE_REACTION_ADD(data) {
    this.#react(data, 1);
  }

  on_MESSAGE_REACTION_REMOVE(data) {
    this.#react(data, -1);
  }

  on_MESSAGE_REACTION_REMOVE_ALL(data) {
    this.#changeReactions(data, () => []);
  }

  on_MESSAGE_REACTION_REMOVE_EMOJI(data) {
    this.#changeReactions(data, (reactions) =>
      reactions.filter((each) => each.emoji.name !== data.emoji.name),
    );
  }

  #react(data, step) {
    const mine = data.user_id === this.you?.id;
    this.#changeReactions(data, (reactions) => {
      const found = reactions.find((each) => each.emoji.name === data.emoji.name);
      if (!found) {
        return step > 0 ? [...reactions, { emoji: data.emoji, count: 1, me: mine }] : reactions;
      }
      const changed = { ...found, count: found.count + step, me: mine ? step > 0 : found.me };
      return reactions
        .map((each) => (each === found ? changed : each))
        .filter((each) => each.count > 0);
    });
  }

  #changeReactions(data, change) {
    for (const message of this.#copies(data.channel_id, data.message_id)) {
      message.reactions = change(message.reactions ?? []);
    }
    this.redraw(data.channel_id, data.message_id);
  }

  on_CHANNEL_CREATE(channel) {
    this.channels.set(channel.id, { ...this.channels.get(channel.id), ...channel });
    this.#tell("channels");
    this.#tell("thread", { id: channel.id });
  }

  on_CHANNEL_UPDATE(channel) {
    this.on_CHANNEL_CREATE(channel);
  }

  on_THREAD_CREATE(channel) {
    this.on_CHANNEL_CREATE(channel);
  }

  on_THREAD_UPDATE(channel) {
    this.on_CHANNEL_CREATE(channel);
  }

  on_CHANNEL_DELETE(channel) {
    const gone = this.channels.get(channel.id);
    this.channels.delete(channel.id);
    this.rooms.delete(channel.id);
    this.#tell("channels");
    this.#tell("thread", { id: channel.id });
    if (gone) {
      this.#tell("placeGone", { place: gone });
    }
  }

  on_THREAD_DELETE(channel) {
    this.on_CHANNEL_DELETE(channel);
  }

  on_TYPING_START(data) {
    if (!this.typers.has(data.channel_id)) {
      this.typers.set(data.channel_id, new Map());
    }
    this.typers.get(data.channel_id).set(data.user_id, Date.now() + TYPING_SECONDS * 1000);
    this.#tell("typing", { place: data.channel_id });
    setTimeout(() => this.#tell("typing", { place: data.channel_id }), TYPING_SECONDS * 1000 + 100);
  }

  #learnUsers(message) {
    for (const user of [message.author, ...(message.mentions ?? [])]) {
      if (user) {
        this.users.set(user.id, user);
      }
    }
  }
}

/** What people call a user; undefined for nobody. */
export function displayName(user) {
  return user?.global_name ?? user?.username;
}

export const state = new State();
