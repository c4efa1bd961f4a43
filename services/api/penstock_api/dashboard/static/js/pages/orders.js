// Orders and fills, as they happen and back in time; each order opens its story.

import { attribute, card, h, text } from "../dom.js";
import { average, clock, exact, fee, money, price, tone, words } from "../format.js";
import { ask } from "../parts/dialogs.js";
import { modifyOrder, placeOrder } from "../parts/ordering.js";
import { averagePrice, openOrder } from "../parts/story.js";
import { Table } from "../parts/table.js";
import { get } from "../rest.js";
import { terminal } from "../store.js";

export const title = "Orders";

const tones = (status) => ({ filled: "good", rejected: "bad", lost: "bad", unknown: "bad", expired: "", cancelled: "", replaced: "" })[status] ?? "info";
const PAGE = 100;
const SHOWN = 50; // rows of each table until older ones are asked for: every row makes each drawing slower

// A row of the history as the stream would have told it.
const fromRow = (row) => ({ order: row, status: row.status, quantity_filled: row.quantity_filled, value_filled: "0", average_price: row.average_price, reason: "", steps: [["approved", row.ts]], ts_effect: row.routed_at, ts_known: null });

export function mount(root, { store, can, chosen }) {
  const filter = { strategy: "", instrument: "", status: "", words: "" };
  const older = { orders: [], fills: [], orderCursor: undefined, fillCursor: undefined };
  const shown = { orders: SHOWN, fills: SHOWN };
  const choose = (label, name, options) => {
    const select = h("select", { "aria-label": label, onchange: () => { filter[name] = select.value; reset(); } }, options);
    return select;
  };
  const strategy = choose("Strategy", "strategy", h("option", { value: "" }, "All strategies"));
  const instrument = choose("Instrument", "instrument", h("option", { value: "" }, "All instruments"));
  const status = choose("Status", "status", [["", "Any status"], ["working", "Working"], ["filled", "Filled"], ["cancelled", "Cancelled"], ["rejected", "Rejected"], ["expired", "Expired"]].map(([value, name]) => h("option", { value }, name)));
  const search = h("input", { type: "search", placeholder: "Id or reason", "aria-label": "Id or reason", oninput: () => { filter.words = search.value.trim().toLowerCase(); update(); } });
  const cancel = (each) => ask({ title: "Cancel an order", action: "Cancel order", danger: true, path: `/orders/${encodeURIComponent(each.order.order_id)}`, method: "DELETE", says: `Cancels ${each.order.side} ${exact(each.order.quantity)} ${each.order.instrument} of ${each.order.strategy}.` });
  const orders = new Table("Orders, newest first", [
    { title: "Time", value: (each) => clock(each.order.ts, { millis: true }) },
    { title: "Side", value: (each) => each.order.side, tone: (each) => (each.order.side === "buy" ? "up" : "down") },
    { title: "Instrument", value: (each) => each.order.instrument },
    { title: "Strategy", value: (each) => each.order.strategy },
    { title: "Type", value: (each) => words(each.order.type) },
    { title: "Quantity", number: true, value: (each) => exact(each.order.quantity) },
    { title: "Filled", number: true, value: (each) => exact(each.quantity_filled) },
    { title: "Limit", number: true, value: (each) => exact(each.order.limit_price ?? each.order.stop_price) },
    { title: "Average", number: true, value: (each) => average(averagePrice(each)) },
    { title: "Status", value: (each) => words(each.status), badge: (each) => tones(each.status) },
    { title: "Why", wrap: true, value: (each) => each.reason || words(each.order.reason) },
    { title: "Action", cell: (cell, each) => {
      if (!cell.firstChild) cell.append(h("button.plain", { type: "button" }, "Change"), h("button.plain", { type: "button" }, "Cancel"));
      const [change, end] = cell.children, over = terminal(each.status);
      // Risk's own closing orders, and what protects a position, are not an operator's to change.
      const fixed = !each.order.limit_price && !each.order.stop_price || each.order.parent_id;
      change.onclick = () => modifyOrder(store, each);
      end.onclick = () => cancel(each);
      for (const [button, name, hidden] of [[change, "Change", over || fixed], [end, "Cancel", over]]) {
        attribute(button, "aria-label", `${name} order ${each.order.ordinal}`);
        attribute(button, "hidden", hidden ? "" : null);
        attribute(button, "disabled", can("operator") ? null : "");
      }
    } },
  ], { empty: "No order that meets the filter.", key: (each) => each.order.order_id, open, tall: true });
  const fills = new Table("Fills, newest first", [
    { title: "Time", value: (each) => clock(each.ts, { millis: true }) },
    { title: "Side", value: (each) => each.side, tone: (each) => (each.side === "buy" ? "up" : "down") },
    { title: "Instrument", value: (each) => each.instrument },
    { title: "Strategy", value: (each) => each.strategy },
    { title: "Quantity", number: true, value: (each) => exact(each.quantity) },
    { title: "Price", number: true, value: (each) => price(each.price, store.market.get(each.instrument)?.last) },
    { title: "Fee", number: true, value: (each) => `${fee(each.fee)} ${each.fee_currency}` },
    { title: "Liquidity", value: (each) => each.liquidity },
    { title: "Venue", value: (each) => each.venue },
  ], { empty: "No fill that meets the filter.", key: (each) => each.fill_id, tall: true });
  const shadows = new Table("Virtual fills of shadow strategies, newest first", [
    { title: "Time", value: (each) => clock(each.ts, { millis: true }) },
    { title: "Side", value: (each) => each.side, tone: (each) => (each.side === "buy" ? "up" : "down") },
    { title: "Instrument", value: (each) => each.instrument },
    { title: "Strategy", value: (each) => each.strategy },
    { title: "Quantity", number: true, value: (each) => exact(each.quantity) },
    { title: "Price", number: true, value: (each) => price(each.price, store.market.get(each.instrument)?.last) },
    { title: "Fee", number: true, value: (each) => `${fee(each.fee)} ${each.currency}` },
    { title: "Position after", number: true, value: (each) => exact(each.position, { signed: true }) },
    { title: "Realised", number: true, value: (each) => money(each.pnl_realized, each.currency, { signed: true }), tone: (each) => tone(each.pnl_realized) },
  ], { key: (each) => each.fill_id, tall: true });
  const virtual = card("Shadow: virtual fills, none of which left risk", null, shadows.element);
  const place = h("button.primary", { type: "button", disabled: !can("operator"), onclick: () => placeOrder(store, filter.instrument || null) }, "Place an order…");
  const moreOrders = h("button", { type: "button", onclick: () => load("orders") }, "Older orders");
  const moreFills = h("button", { type: "button", onclick: () => load("fills") }, "Older fills");
  const says = h("span.quiet", { role: "status" });
  root.append(h("div.head", {}, h("h1", {}, "Orders and fills"), says, strategy, instrument, status, search, place),
    h("div.stack", {}, card("Orders", moreOrders, orders.element), card("Fills", moreFills, fills.element), virtual));

  async function open(each) {
    const id = each.order.order_id;
    const known = store.orders.get(id);
    const signal = store.signals.get(each.order.signal_id) ?? null;
    let order = known ?? each;
    let its = store.fills.filter((fill) => fill.order_id === id);
    if (!known) {
      try {
        const found = await get(`/orders/${encodeURIComponent(id)}`);
        const steps = (found.events ?? []).map((event) => [event.to_state, event.ts]);
        order = { ...each, order: { ...each.order, ...(found.order ?? {}) }, steps: steps.length ? steps : each.steps };
        its = older.fills.filter((fill) => fill.order_id === id);
      } catch {
        its = older.fills.filter((fill) => fill.order_id === id);
      }
    }
    openOrder(order, signal, its);
  }

  async function load(which) {
    // First what is here already.
    if (shown[which] !== Infinity) {
      shown[which] = Infinity;
      return update();
    }
    const cursor = which === "orders" ? older.orderCursor : older.fillCursor;
    if (cursor === null) return;
    try {
      const page = await get(`/${which}`, { limit: PAGE, cursor, strategy: filter.strategy, instrument: filter.instrument });
      if (which === "orders") {
        older.orders.push(...page.items.map(fromRow));
        older.orderCursor = page.next_cursor;
        moreOrders.disabled = page.next_cursor === null;
      } else {
        older.fills.push(...page.items);
        older.fillCursor = page.next_cursor;
        moreFills.disabled = page.next_cursor === null;
      }
      text(says, "");
    } catch (problem) {
      text(says, problem.message);
    }
    update();
  }

  function reset() {
    Object.assign(older, { orders: [], fills: [], orderCursor: undefined, fillCursor: undefined });
    moreOrders.disabled = moreFills.disabled = false;
    update();
  }

  const fits = (each) => (!filter.strategy || each.strategy === filter.strategy) && (!filter.instrument || each.instrument === filter.instrument);
  const said = (...values) => !filter.words || values.some((value) => String(value ?? "").toLowerCase().includes(filter.words));

  // An order that the address names: of the session's last ones, or from the database.
  async function openChosen() {
    const known = store.orders.get(chosen);
    if (known) return open(known);
    try {
      const { order } = await get(`/orders/${encodeURIComponent(chosen)}`);
      await open(fromRow(order));
    } catch (problem) {
      text(says, problem.message);
    }
  }

  function update() {
    options(strategy, [...new Set([...store.orders.values()].map((each) => each.order.strategy))].sort());
    options(instrument, store.instruments);
    const seen = [...store.orders.values()].reverse();
    const merged = [...seen, ...older.orders.filter((each) => !store.orders.has(each.order.order_id))];
    orders.update(merged.filter((each) => fits(each.order) && said(each.order.order_id, each.order.signal_id, each.reason, each.order.reason)
      && (!filter.status || (filter.status === "working" ? !terminal(each.status) : each.status === filter.status))).slice(0, shown.orders));
    const known = new Set(store.fills.map((each) => each.fill_id));
    virtual.hidden = !store.shadow.fills.length;
    shadows.update(store.shadow.fills.slice().reverse().filter((each) => fits(each) && said(each.fill_id, each.signal_id)));
    fills.update([...store.fills.slice().reverse(), ...older.fills.filter((each) => !known.has(each.fill_id))].filter((each) => fits(each) && said(each.fill_id, each.order_id)).slice(0, shown.fills));
  }

  function options(select, values) {
    const present = new Set([...select.options].map((each) => each.value));
    for (const value of values) if (!present.has(value)) select.append(h("option", { value }, value));
  }

  if (chosen) openChosen();
  return { update, destroy() {} };
}
