// The page to look at all day: is it trading, what is at stake, why the last position, what was refused, how to stop.

import { card, classes, h, replace, text } from "../dom.js";
import { average, clock, count, exact, money, moment, percent, price, tone, words } from "../format.js";
import { EquityChart } from "../parts/chart.js";
import { evidence, factsList, openOrder, sentence } from "../parts/story.js";
import { held } from "../parts/holds.js";
import { Table } from "../parts/table.js";
import { Tiles } from "../parts/tiles.js";

export const title = "Overview";

const STATES = { active: "It trades: orders go out within the limits.", reducing: "It only reduces: nothing opens or grows a position.", halted: "It is halted: no orders go out, working orders are cancelled." };

export function mount(root, { store, act }) {
  const tiles = new Tiles(["Equity", "PnL today", "Drawdown", "Gross exposure", "Net exposure", "Orders"]);
  const chart = new EquityChart();
  const state = { badge: h("span.badge.large"), says: h("p"), held: h("ul.feed", { "aria-label": "Parts held apart" }), since: h("p.quiet.small"), list: h("ul.feed") };
  const why = h("div.body"), refused = h("div.body"), refusedBadge = h("span.badge");
  const open = h("button.plain", { type: "button", hidden: true }, "Tick to fill");
  const explain = h("a.small", { hidden: true }, "Its whole story");
  const positions = new Table("Open positions", [
    { title: "Instrument", value: (each) => each.instrument },
    { title: "Strategy", value: (each) => each.strategy },
    { title: "Quantity", number: true, value: (each) => exact(each.quantity, { signed: true }), tone: (each) => tone(each.quantity) },
    { title: "Average", number: true, value: (each) => average(each.average_price) },
    { title: "Now", number: true, value: (each) => exact(each.price) },
    { title: "Value", number: true, wide: true, value: (each) => money(each.notional, each.currency) },
    { title: "Unrealised", number: true, value: (each) => money(each.pnl_unrealized, each.currency, { signed: true }), tone: (each) => tone(each.pnl_unrealized) },
  ], { empty: "Flat: no open position.", key: (each) => `${each.strategy} ${each.instrument}` });
  const fills = new Table("Last fills", [
    { title: "Time", value: (each) => clock(each.ts) },
    { title: "Side", value: (each) => each.side, tone: (each) => (each.side === "buy" ? "up" : "down") },
    { title: "Instrument", value: (each) => each.instrument },
    { title: "Quantity", number: true, value: (each) => exact(each.quantity) },
    { title: "Price", number: true, value: (each) => price(each.price, store.market.get(each.instrument)?.last) },
    { title: "Strategy", wide: true, value: (each) => each.strategy },
  ], { key: (each) => each.fill_id });
  root.append(
    h("div.head", {}, h("h1", {}, "Overview"), h("span.quiet", { id: "session-line" })),
    tiles.element,
    h("div.grid", {},
      h("div.w8.stack", {}, card("Equity and drawdown", null, chart.element), card("Open positions", null, positions.element)),
      h("div.w4.stack", {},
        card("Is it trading?", state.badge, h("div.body.stack", {}, state.says, state.held, state.since,
          h("p.small.quiet", {}, "To stop: the red Halt button above, ", h("span.key", {}, "h"), " on the keyboard, ", h("code", {}, "penstock halt"), " in a terminal, or a file ", h("code", {}, "kill.txt"), " in the data directory.")), state.list),
        card("Last refusal", refusedBadge, refused)),
      h("div.w6", {}, card("Why the last position?", [explain, open], why)),
      h("div.w6", {}, card("Last fills", null, fills.element))));
  let shownOrder = null, shownRefusal = null, last = null;
  open.onclick = () => last && openOrder(last.order, last.signal, store.fills.filter((fill) => fill.order_id === last.order.order.order_id));

  function update() {
    const now = store.money, day = store.day, fall = store.drawdown, exposure = store.exposure, metrics = store.metrics;
    const currency = now?.currency ?? "";
    tiles.set("Equity", money(now?.equity, currency), `${currency}${now ? ` · fees ${money(now.fees, currency)}` : ""}`);
    tiles.set("PnL today", money(day?.pnl, currency, { signed: true }), percent(day?.share), tone(day?.pnl));
    tiles.set("Drawdown", percent(fall?.share), `worst ${money(fall?.worst, currency)} ${currency}`, fall?.fall > 0 ? "down" : "");
    const equity = Number(now?.equity ?? 0);
    tiles.set("Gross exposure", money(exposure?.gross, currency), equity && exposure ? `${percent(exposure.gross / equity, 1)} of equity` : "");
    tiles.set("Net exposure", money(exposure?.net, currency, { signed: true }), exposure?.net > 0 ? "long" : exposure?.net < 0 ? "short" : "flat");
    tiles.set("Orders", `${count(metrics?.orders.working)} working`, `${count(metrics?.orders.approved)} sent · ${count(metrics?.fills)} fills`);
    chart.update(store.equity);
    if (store.equity.length) chart.say(`Equity from ${money(store.equity[0][1], currency)} to ${money(now?.equity, currency)} ${currency}; deepest fall ${money(fall?.worst, currency)}`);
    trading();
    positions.update(store.open);
    fills.update(store.fills.slice(-8).reverse());
    text(document.getElementById("session-line"), store.session ? `Session ${store.session.session_id}${store.session.ended_at ? ` · ended: ${words(store.session.stop_reason)}` : ""}` : "");
    lastOrder();
    lastRefusal();
  }

  function trading() {
    const { state: now, reason, stop } = store.trading;
    classes(state.badge, `badge large ${{ active: "good", reducing: "fair", halted: "bad" }[now] ?? ""}`);
    text(state.badge, (now ?? "starting").toUpperCase());
    text(state.says, store.session?.ended_at ? `The session is over: ${words(store.session.stop_reason)}.` : STATES[now] ?? "Risk has not said anything yet.");
    const change = store.changes.filter((each) => each.state !== each.previous).at(-1);
    text(state.since, stop ? `Ending: ${stop}` : change ? `Since ${moment(change.ts)}: ${change.reason || "no reason given"}` : "No halt in this session.");
    held(state.held, store.trading.holds);
    const rows = store.changes.slice(-4).reverse();
    const key = rows.map((each) => each.ts + each.reason).join();
    if (state.key !== key) {
      state.key = key;
      replace(state.list, rows.map((each) => h("li", {}, h("time", {}, clock(each.ts)), h("span.badge", { class: { active: "good", reducing: "fair", halted: "bad" }[each.state] }, each.accepted ? each.state : "refused"), h("span.text", {}, each.reason))));
    }
  }

  function lastOrder() {
    const order = [...store.orders.values()].filter((each) => Number(each.quantity_filled)).at(-1) ?? [...store.orders.values()].at(-1);
    open.hidden = explain.hidden = !order;
    if (!order) return shownOrder === null ? (shownOrder = "", replace(why, h("p.quiet", {}, "No order yet."))) : null;
    const signal = store.signals.get(order.order.signal_id);
    last = { order, signal };
    const key = `${order.order.order_id} ${order.status} ${order.quantity_filled} ${Boolean(signal)} ${store.positions.get(`${order.order.strategy} ${order.order.instrument}`)?.quantity}`;
    if (key === shownOrder) return;
    shownOrder = key;
    explain.href = `#/orders/${encodeURIComponent(order.order.order_id)}`;
    const position = store.positions.get(`${order.order.strategy} ${order.order.instrument}`);
    replace(why, h("p.story", {}, sentence(order, signal)), factsList([
      ["When", moment(order.order.ts, { millis: true })],
      ["Status", words(order.status)],
      ["Position now", position ? `${exact(position.quantity, { signed: true })} ${position.instrument}${Number(position.quantity) ? ` at ${average(position.average_price)}` : ", flat"}` : null],
      ["Decided on", signal ? exact(signal.signal.price) : null],
      ["Model", signal?.signal.model_version || null],
      ...evidence(signal?.signal).slice(0, 6),
    ]));
  }

  function lastRefusal() {
    const refusals = store.refusals;
    const found = refusals.at(-1);
    const total = store.metrics?.signals.refused ?? refusals.length;
    classes(refusedBadge, `badge ${total ? "fair" : ""}`);
    text(refusedBadge, `${count(total)} refused`);
    const key = found ? found.signal.signal_id : "";
    if (key === shownRefusal) return;
    shownRefusal = key;
    if (!found) return replace(refused, h("p.quiet", {}, "Risk has refused nothing."));
    const { rule, limit, value, text: says, ts } = found.refusal;
    replace(refused, h("p.story", {}, `${found.signal.strategy} wanted ${found.signal.direction} ${found.signal.instrument}; refused by the rule “${words(rule)}”.`), factsList([
      ["When", moment(ts)], ["Value", value && exact(value)], ["Limit", limit && exact(limit)], ["Says", says],
    ]));
  }

  return { update, destroy: () => chart.destroy() };
}
