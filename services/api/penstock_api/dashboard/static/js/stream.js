// The connection to the stream: goes on from the last sequence after every break, and knows when it is stale.

import { CHANNELS, first } from "./first.js";

const STALE_MS = 6000;
const WAIT_MS = [250, 500, 1000, 2000, 4000];

export class Stream {
  // `told(status)`: connecting, live, catching, stale, lost. `refused()`: nobody lets us in.
  constructor(store, { told, drawn, refused }) {
    this.store = store;
    this.told = told;
    this.drawn = drawn;
    this.refused = refused;
    this.status = "connecting";
    this.heard = 0;
    this.sequence = null;
    this.session = null;
    this.attempts = 0;
    this.lostAt = null;
    this.missing = new Set(CHANNELS.split(","));
    setInterval(() => this.#watch(), 500);
    addEventListener("online", () => this.#retry(0));
  }

  // The state comes in one answer, which was asked for before this file was there; what follows, over the stream.
  async begin() {
    const found = await first;
    if (found && this.missing.size && !this.socket) {
      for (const [channel, data] of Object.entries(found.channels)) this.store.take({ type: "snapshot", channel, data });
      this.missing.clear();
      this.sequence = found.seq;
      this.session = found.session;
      this.drawn(true);
    }
    if (!this.socket) this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    this.socket?.close();
    const query = new URLSearchParams({ channels: CHANNELS });
    // The market and the measurements have no past: of them the latest comes by itself.
    if (this.sequence !== null && this.session) {
      query.set("after", this.sequence);
      query.set("session", this.session);
    } else this.#anew();
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream?${query}`);
    this.socket = socket;
    this.heard = performance.now();
    socket.onmessage = (message) => {
      if (socket !== this.socket) return;
      this.#take(JSON.parse(message.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.#lost(event);
    };
  }

  #take(frame) {
    this.heard = performance.now();
    this.attempts = 0;
    if (frame.type === "hello") {
      if (this.session && frame.session && frame.session !== this.session) this.sequence = null;
      this.session = frame.session || this.session;
      this.#tell(frame.caught_up ? "live" : "catching");
      return;
    }
    if (frame.type === "closing") return;
    if (frame.type !== "ping" || this.status === "stale" || this.status === "lost") {
      this.#tell(frame.type === "ping" && this.status === "catching" ? "catching" : "live");
    }
    if (frame.type === "resync") return this.#anew();
    if (frame.type === "snapshot") this.missing.delete(frame.channel);
    this.store.take(frame);
    if (!this.missing.size && (frame.type !== "ping" || frame.caught_up)) this.sequence = frame.seq;
    this.drawn(frame.type !== "latest");
  }

  // Snapshots of all channels come; cut off in the middle of them, there is nothing to go on from.
  #anew() {
    this.sequence = null;
    this.missing = new Set(CHANNELS.split(","));
  }

  #lost(event) {
    this.socket = null;
    if (this.lostAt === null) this.lostAt = Date.now();
    this.#tell("lost");
    if (event.code === 1008) this.refused();
    this.#retry(WAIT_MS[Math.min(this.attempts, WAIT_MS.length - 1)] * (0.75 + Math.random() / 2));
    this.attempts += 1;
  }

  #retry(wait) {
    if (this.socket || this.timer) return;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  #watch() {
    if (this.socket && performance.now() - this.heard > STALE_MS) {
      this.#tell("stale");
      if (performance.now() - this.heard > 2 * STALE_MS) this.connect();
    }
  }

  #tell(status) {
    if (status === "live") this.lostAt = null;
    else if (this.lostAt === null && status !== "catching") this.lostAt = Date.now();
    if (status !== this.status) {
      this.status = status;
      this.told(status);
    }
  }
}
