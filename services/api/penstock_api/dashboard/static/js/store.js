// What the page knows: a fold of the stream, like every other state here. Pages read it, nothing else writes it.

const KEPT = 200;
const POINTS = 4000;
const TERMINAL = new Set(["filled", "cancelled", "replaced", "rejected", "expired", "lost"]);

export const terminal = (status) => TERMINAL.has(status);

export class Store {
  constructor() {
    this.version = 0;
    this.session = null;
    this.trading = { state: null, reason: "", stop: "", flat: true, holds: [] };
    this.changes = [];
    this.commands = [];
    this.account = null;
    this.live = null;
    this.strategies = {};
    this.balances = [];
    this.equity = [];
    this.positions = new Map();
    this.signals = new Map();
    this.notes = [];
    this.shadow = { fills: [], ledger: new Map() }; // what shadow strategies would have traded
    this.orders = new Map();
    this.fills = [];
    this.market = new Map();
    this.metrics = null;
    this.mark = 0;
  }

  take(frame) {
    this.version += 1;
    if (frame.type === "snapshot") this.#snapshot(frame.channel, frame.data);
    else if (frame.type === "latest") this.#latest(frame.channel, frame.data);
    else if (frame.type === "events") for (const event of frame.events) this.#event(event);
    else if (frame.type === "ping") this.mark = Math.max(this.mark, frame.mark);
  }

  // The account now: risk's report of this second where there is one, else its last sample in the log.
  get money() {
    const sample = this.account;
    const live = this.live && (!sample || this.live.ts >= sample.ts) ? this.live : null;
    return sample || live ? { ...sample, ...live } : null;
  }

  get exposure() {
    let gross = 0, net = 0, seen = false;
    for (const position of this.positions.values()) {
      if (Number(position.quantity) === 0) continue;
      if (position.notional === null || position.notional === undefined) return this.account && { gross: this.account.gross_exposure, net: this.account.net_exposure };
      seen = true;
      gross += Number(position.notional);
      net += Number(position.notional) * Math.sign(Number(position.quantity));
    }
    return seen || this.positions.size ? { gross, net } : { gross: 0, net: 0 };
  }

  // PnL since the UTC day of event time began: against the last equity before it, or the session's first.
  get day() {
    const now = this.money;
    if (!now || !this.equity.length) return null;
    const begin = Math.floor(now.ts / 86400e9) * 86400e9;
    let first = this.equity[0];
    for (const point of this.equity) {
      if (point[0] > begin) break;
      first = point;
    }
    const pnl = Number(now.equity) - Number(first[1]);
    return { pnl, share: Number(first[1]) ? pnl / Number(first[1]) : null };
  }

  get drawdown() {
    const now = this.money;
    if (!now) return null;
    const peak = this.equity.reduce((most, point) => Math.max(most, Number(point[1])), Number(now.equity_peak ?? now.equity));
    const fall = Math.max(0, peak - Number(now.equity));
    return { fall, share: peak ? fall / peak : null, worst: Number(now.drawdown_max ?? 0), peak };
  }

  get open() {
    return [...this.positions.values()].filter((each) => Number(each.quantity) !== 0);
  }

  get working() {
    return [...this.orders.values()].filter((each) => !terminal(each.status));
  }

  get refusals() {
    return [...this.signals.values()].filter((each) => each.refusal);
  }

  get instruments() {
    return [...this.market.keys()].sort();
  }

  #snapshot(channel, data) {
    const take = {
      pnl: () => {
        this.account = data.account;
        this.live = data.live;
        this.strategies = data.strategies;
        this.balances = data.balances;
        this.equity = data.equity.map(([ts, equity, fall]) => [ts, Number(equity), Number(fall)]);
      },
      positions: () => this.#value(data),
      signals: () => {
        this.signals = new Map(data.recent.map((each) => [each.signal.signal_id, each]));
        this.notes = data.notes;
        this.shadow = { fills: data.shadow.fills, ledger: new Map(data.shadow.ledger.map((each) => [`${each.strategy} ${each.instrument}`, each])) };
      },
      orders: () => {
        this.orders = new Map();
        for (const each of data.recent) this.orders.set(each.order.order_id, this.#order(each));
        for (const each of data.working) {
          if (!this.orders.has(each.order.order_id)) this.orders.set(each.order.order_id, this.#order(each));
        }
      },
      fills: () => { this.fills = data; },
      market: () => { this.market = new Map(data.map((each) => [each.instrument, each])); },
      metrics: () => this.#measured(data),
      state: () => {
        this.session = data.session;
        this.trading = { state: data.trading_state, reason: data.trading_reason, stop: data.stop, flat: data.flat, holds: data.holds };
        this.changes = data.changes;
        this.commands = data.commands;
      },
    };
    take[channel]?.();
  }

  #latest(channel, data) {
    if (channel === "pnl") {
      this.live = data;
      this.#point(data.ts, Number(data.equity));
    } else if (channel === "positions") this.#value(data);
    else if (channel === "market") for (const each of data) this.market.set(each.instrument, each);
    else if (channel === "metrics") this.#measured(data);
  }

  #measured(data) {
    this.metrics = data;
    this.mark = Math.max(this.mark, ...Object.values(data.marks), 0);
    if (this.trading.state === null && data.marks.ord) this.trading.state = "active";
  }

  #value(rows) {
    this.positions = new Map(rows.map((each) => [`${each.strategy} ${each.instrument}`, each]));
  }

  #order(each) {
    return { quantity_filled: "0", value_filled: "0", steps: [], reason: "", ts_effect: null, ts_known: null, ...each };
  }

  #point(ts, equity) {
    const last = this.equity.at(-1);
    if (last && ts <= last[0]) return;
    const peak = last ? Math.max(last[1] + last[2], equity) : equity;
    this.equity.push([ts, equity, peak - equity]);
    if (this.equity.length > POINTS) this.equity = this.equity.filter((_, index) => index % 2 === 0);
  }

  #event({ family, kind, data }) {
    const handlers = {
      "ord.pnl": () => {
        if (data.strategy === null) {
          this.account = data;
          this.#point(data.ts, Number(data.equity));
        } else this.strategies[data.strategy] = data;
      },
      "ven.balance": () => {
        const others = this.balances.filter((each) => each.venue !== data.venue || each.currency !== data.currency);
        this.balances = [...others, data].sort((a, b) => `${a.venue}${a.currency}`.localeCompare(`${b.venue}${b.currency}`));
      },
      "ord.position": () => {
        const key = `${data.strategy} ${data.instrument}`;
        const before = this.positions.get(key);
        const notional = before?.price ? Math.abs(Number(data.quantity)) * Number(before.price) : null;
        this.positions.set(key, { ...before, ...data, notional: Number(data.quantity) === 0 ? 0 : notional });
      },
      "sig.signal": () => this.#keep(this.signals, data.signal_id, { signal: data, outcome: null, order_id: null, refusal: null }),
      "sig.note": () => { this.notes = [...this.notes, data].slice(-100); },
      "ord.refused": () => this.#change(this.signals, data.signal_id, { outcome: "refused", refusal: data }),
      "ord.resolved": () => this.#change(this.signals, data.signal_id, { outcome: data.outcome }),
      "ord.shadow": () => {
        this.shadow.fills = [...this.shadow.fills, data].slice(-KEPT);
        this.shadow.ledger.set(`${data.strategy} ${data.instrument}`, data);
      },
      "ord.approved": () => {
        this.#change(this.signals, data.signal_id, { outcome: "approved", order_id: data.order_id });
        this.#keep(this.orders, data.order_id, this.#order({ order: data, status: "approved", steps: [["approved", data.ts]] }));
      },
      "ven.submitted": () => this.#step(data, "in_flight", { ts_effect: data.ts_effect }),
      "ven.accepted": () => this.#step(data, "accepted"),
      "ven.event": () => this.#step(data, data.to_state, { reason: data.reason }),
      "ven.fill": () => {
        this.fills = [...this.fills, data].slice(-KEPT);
        const order = this.orders.get(data.order_id);
        if (!order) return;
        const filled = Number(order.quantity_filled) + Number(data.quantity);
        const value = Number(order.value_filled) + Number(data.quantity) * Number(data.price);
        const whole = Number(data.quantity_left) === 0;
        // The sum is exact when it is all: the order's own quantity says it without binary fractions.
        this.#step(data, whole ? "filled" : "partially_filled", {
          quantity_filled: whole ? order.order.quantity : String(filled), value_filled: String(value), ts_known: data.ts_known,
        });
      },
      "ord.state": () => {
        this.trading = { ...this.trading, state: data.state, reason: data.accepted ? data.reason : this.trading.reason, holds: data.holds };
        this.changes = [...this.changes, data].slice(-KEPT);
      },
      "ctl.command": () => { this.commands = [...this.commands, data].slice(-20); },
      "ctl.session": () => {
        if (data.phase === "end") this.session = { ...this.session, ended_at: data.ts, stop_reason: data.stop_reason };
      },
    };
    handlers[`${family}.${kind}`]?.();
  }

  #step(data, state, more = {}) {
    const order = this.orders.get(data.order_id);
    if (order) this.orders.set(data.order_id, { ...order, ...more, status: state, steps: [...order.steps, [state, data.ts]] });
  }

  #keep(map, key, value) {
    map.set(key, value);
    if (map.size > KEPT) map.delete(map.keys().next().value);
  }

  #change(map, key, more) {
    const value = map.get(key);
    if (value) map.set(key, { ...value, ...more });
  }
}
