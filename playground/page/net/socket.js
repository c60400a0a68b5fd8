// The websocket to the playground: asks and answers by number, events, and coming back by itself.

const FIRST_WAIT = 300;
const LONGEST_WAIT = 5000;
// The playground says the time every few seconds; this long without a word means the line is dead.
const SILENCE = 40_000;

/** What the playground, or the line to it, refused; its message is a sentence for the person. */
export class Refused extends Error {}

export class Socket {
  /**
   * `onEvent(name, data)` gets every event; `onLine(isUp)` hears of the line coming and going.
   */
  constructor({ onEvent, onLine }) {
    this.onEvent = onEvent;
    this.onLine = onLine;
    this.person = null;
    this.line = null;
    this.asked = new Map();
    this.number = 0;
    this.wait = FIRST_WAIT;
    this.timer = null;
    this.watch = null;
  }

  /** Open the line as this person; an older line is closed. */
  open(person) {
    this.person = person;
    this.wait = FIRST_WAIT;
    this.#drop();
    this.#connect();
  }

  /** Do something as this person; resolves with the answer's data or rejects with `Refused`. */
  ask(verb, fields = {}) {
    if (this.line?.readyState !== WebSocket.OPEN) {
      return Promise.reject(
        new Refused("The connection to the playground is down. Try again in a moment."),
      );
    }
    this.number += 1;
    const n = this.number;
    this.line.send(JSON.stringify({ n, do: verb, ...fields }));
    return new Promise((resolve, reject) => {
      this.asked.set(n, { resolve, reject });
    });
  }

  #connect() {
    const address = new URL("/page/socket", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.person) {
      address.searchParams.set("person", this.person);
    }
    const line = new WebSocket(address);
    this.line = line;
    line.addEventListener("message", (event) => {
      if (line === this.line) {
        this.#listen();
        this.#receive(JSON.parse(event.data));
      }
    });
    line.addEventListener("close", () => {
      if (line === this.line) {
        this.#lost();
      }
    });
  }

  #receive(frame) {
    if (frame.reply !== undefined) {
      const asked = this.asked.get(frame.reply);
      this.asked.delete(frame.reply);
      if (frame.ok) {
        asked?.resolve(frame.data ?? {});
      } else {
        asked?.reject(new Refused(frame.error));
      }
      return;
    }
    if (frame.event === "HELLO") {
      this.wait = FIRST_WAIT;
      this.onLine(true);
    }
    this.onEvent(frame.event, frame.data);
  }

  #listen() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.line?.close(), SILENCE);
  }

  #lost() {
    this.#drop();
    this.onLine(false);
    this.timer = setTimeout(() => this.#connect(), this.wait);
    this.wait = Math.min(this.wait * 1.7, LONGEST_WAIT);
  }

  #drop() {
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    const line = this.line;
    this.line = null;
    line?.close();
    for (const { reject } of this.asked.values()) {
      reject(
        new Refused(
          "The connection was lost before the playground answered. Check before you try again.",
        ),
      );
    }
    this.asked.clear();
  }
}
