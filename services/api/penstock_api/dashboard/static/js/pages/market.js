// One instrument: candles with our fills and working orders, book, tape, microstructure.

import { attribute, card, h, replace, text } from "../dom.js";
import { clock, exact, fixed, known, words } from "../format.js";
import { CandleChart } from "../parts/chart.js";
import { Table } from "../parts/table.js";
import { Tiles } from "../parts/tiles.js";
import { get } from "../rest.js";
import { terminal } from "../store.js";

export const title = "Market";
const INTERVALS = [["1m", 60], ["5m", 300], ["15m", 900], ["1h", 3600], ["1d", 86400]];
const REFRESH_MS = 5000;

export function mount(root, { store, chosen, choose }) {
  let key = chosen || null, seconds = 60, bars = [], loaded = "", asked = 0, quotes = null, drawn = "";
  const select = h("select", { "aria-label": "Instrument", onchange: () => { choose(select.value); } });
  const segments = h("div.segments", { role: "group", "aria-label": "Bar interval" }, INTERVALS.map(([name, value]) => h("button", { type: "button", "aria-pressed": String(value === seconds), onclick: (event) => {
    seconds = value;
    for (const each of segments.children) attribute(each, "aria-pressed", String(each === event.currentTarget));
    loaded = "";
    update();
  } }, name)));
  const tiles = new Tiles(["Last", "Bid", "Ask", "Spread", "Imbalance", "Micro price"]);
  const chart = new CandleChart();
  const says = h("p.empty", { hidden: true });
  const book = { body: h("tbody"), empty: h("p.empty", {}, "No book: this source has none, or its next snapshot is awaited.") };
  const bookTable = h("table.book", {}, h("caption", {}, "Order book"), h("thead", {}, h("tr", {}, ["Price", "Size"].map((each) => h("th.number", { scope: "col" }, each)))), book.body);
  const tape = new Table("Tape", [
    { title: "Time", value: (each) => clock(each.ts, { millis: true }) },
    { title: "Price", number: true, value: (each) => exact(each.price), tone: (each) => ({ buy: "up", sell: "down" })[each.side] ?? "" },
    { title: "Size", number: true, value: (each) => exact(each.size) },
    { title: "Taker", value: (each) => each.side ?? "–" },
  ], { empty: "No trades pass by: this source sends bars, or the market is quiet.", key: (each) => each.id, tall: true });
  const features = new Table("Features", [
    { title: "Feature", value: (each) => words(each.name) },
    { title: "Value", number: true, value: (each) => (known(each.value) ? Number(each.value).toPrecision(6) : "warming up") },
  ], { empty: "No feature values yet: they come with the next bar.", key: (each) => each.name });
  const featuresAt = h("span.quiet.small");
  root.append(h("div.head", {}, h("h1", {}, "Market"), select, segments), tiles.element,
    h("div.grid", {},
      h("div.w8.stack", {}, card("Candles, fills, working orders", h("div.legend", {}, h("span.up", {}, "▲ bought"), h("span.down", {}, "▼ sold"), h("span", {}, "– – working")), says, chart.element), card("Features and microstructure", featuresAt, features.element)),
      h("div.w4.stack", {}, card("Book", null, h("div.scroll", {}, bookTable), book.empty), card("Tape", null, tape.element))));

  async function load() {
    const wanted = `${key} ${seconds}`;
    if (!key || (wanted === loaded && performance.now() - asked < REFRESH_MS)) return;
    const first = wanted !== loaded;
    asked = performance.now();
    loaded = wanted;
    try {
      const found = await get(`/market/${encodeURIComponent(key)}/bars`, { interval_s: seconds, limit: 500 });
      if (wanted !== `${key} ${seconds}`) return;
      bars = shaped(found.items);
      says.hidden = true;
    } catch (problem) {
      bars = first ? [] : bars;
      says.hidden = false;
      text(says, `No stored bars: ${problem.message}. The last bar grows from the stream.`);
    }
    const mark = `${wanted} ${bars.length} ${bars.at(-1)?.time}`;
    if (mark !== drawn) {
      drawn = mark;
      chart.set(bars, decimals());
      place();
    }
  }

  // A bar is named by its end; on the chart it stands where it began.
  function shaped(items) {
    const rows = items.map((each) => ({ time: Math.round(Number(each.ts) / 1e9) - seconds, open: +each.open, high: +each.high, low: +each.low, close: +each.close, volume: +each.volume }));
    rows.sort((a, b) => a.time - b.time);
    return rows.filter((row, index) => index === rows.length - 1 || row.time !== rows[index + 1].time);
  }

  const decimals = () => Math.min(8, (String(store.market.get(key)?.last ?? "0.00").split(".")[1] ?? "").length);
  const barOf = (ns) => Math.floor(Number(ns) / 1e9 / seconds) * seconds;

  function place() {
    // What was bought, and what was sold, in a bar: one arrow each.
    const began = bars[0]?.time ?? Infinity, sums = new Map();
    for (const fill of store.fills) {
      const time = barOf(fill.ts);
      if (fill.instrument !== key || time < began) continue;
      const sum = sums.get(`${time} ${fill.side}`) ?? { time, side: fill.side, quantity: 0, digits: 0 };
      sum.quantity += Number(fill.quantity);
      sum.digits = Math.max(sum.digits, (fill.quantity.split(".")[1] ?? "").length);
      sums.set(`${time} ${fill.side}`, sum);
    }
    chart.mark([...sums.values()].map((sum) => ({ ...sum, text: fixed(sum.quantity, Math.min(sum.digits, 8)) })));
  }

  function update() {
    const keys = store.instruments;
    if (!key || (!store.market.has(key) && keys.length)) key = keys.includes(chosen) ? chosen : keys[0] ?? null;
    if (select.options.length !== keys.length) replace(select, keys.map((each) => h("option", { value: each }, each)));
    if (key) select.value = key;
    load();
    const market = store.market.get(key);
    if (!market) return;
    figures(market);
    if (known(market.last) && market.ts) chart.tick(barOf(market.ts), Number(market.last));
    const fills = store.fills.filter((fill) => fill.instrument === key).length;
    if (fills !== quotes) {
      quotes = fills;
      place();
    }
    chart.works([...store.orders.values()].filter((each) => each.order.instrument === key && !terminal(each.status) && (each.order.limit_price || each.order.stop_price)).map((each) => ({
      key: each.order.order_id, side: each.order.side, price: Number(each.order.limit_price ?? each.order.stop_price), title: `${each.order.side} ${exact(each.order.quantity)}` })));
    levels(market.book);
    tape.update(market.tape.map((each, index) => ({ ...each, id: `${each.ts} ${index} ${each.price} ${each.size}` })).reverse());
    features.update(Object.entries(market.features).map(([name, value]) => ({ name, value })));
    text(featuresAt, market.features_ts ? `as of ${clock(market.features_ts)}` : "");
    chart.say(`Candles of ${key}, last price ${exact(market.last)}, ${fills} fills shown`);
  }

  function figures(market) {
    const bid = Number(market.bid), ask = Number(market.ask), two = known(market.bid) && known(market.ask);
    const top = market.book ? [market.book.bids, market.book.asks].map((side) => side.reduce((sum, level) => sum + Number(level[1]), 0)) : known(market.bid_size) && known(market.ask_size) ? [Number(market.bid_size), Number(market.ask_size)] : null;
    tiles.set("Last", exact(market.last), clock(market.ts, { millis: true }));
    tiles.set("Bid", exact(market.bid), known(market.bid_size) ? exact(market.bid_size) : "no quotes", "up");
    tiles.set("Ask", exact(market.ask), known(market.ask_size) ? exact(market.ask_size) : "no quotes", "down");
    tiles.set("Spread", two ? `${fixed(((ask - bid) / ((ask + bid) / 2)) * 1e4, 2)} bp` : "–", two ? fixed(ask - bid, Math.max(2, decimals())) : "");
    tiles.set("Imbalance", top && top[0] + top[1] ? fixed((top[0] - top[1]) / (top[0] + top[1]), 2) : "–", market.book ? "ten levels" : "best level");
    const sizes = known(market.bid_size) && known(market.ask_size) ? Number(market.bid_size) + Number(market.ask_size) : 0;
    tiles.set("Micro price", two && sizes ? fixed((bid * Number(market.ask_size) + ask * Number(market.bid_size)) / sizes, Math.max(2, decimals())) : "–", "weighted by the sizes");
  }

  function levels(found) {
    book.empty.hidden = Boolean(found);
    bookTable.hidden = !found;
    if (!found) return;
    const rows = [...found.asks.slice().reverse().map((level) => ["asks", level]), ["spread", null], ...found.bids.map((level) => ["bids", level])];
    const deepest = Math.max(...found.asks.concat(found.bids).map((level) => Number(level[1])), 0) || 1;
    while (book.body.rows.length < rows.length) book.body.append(h("tr", {}, h("td.number"), h("td.number.size")));
    while (book.body.rows.length > rows.length) book.body.lastChild.remove();
    rows.forEach(([side, level], index) => {
      const row = book.body.rows[index];
      if (row.className !== side) row.className = side;
      text(row.cells[0], level ? exact(level[0]) : "spread");
      text(row.cells[1], level ? exact(level[1]) : `${clock(found.ts, { millis: true })}`);
      row.cells[0].className = `number ${side === "asks" ? "down" : side === "bids" ? "up" : ""}`.trim();
      row.cells[1].style.setProperty("--depth", level ? `${(Number(level[1]) / deepest) * 100}%` : "0%");
    });
  }

  return { update, destroy: () => chart.destroy() };
}
