// Why an order was sent, and where its time went: from the tick that the signal was decided on to the fill.

import { h, replace } from "../dom.js";
import { average, clock, duration, exact, fee, fixed, moment, ms, percent, words } from "../format.js";
import { get } from "../rest.js";
import { dialog } from "./dialogs.js";

export function sentence(order, signal) {
  const { side, quantity, instrument, strategy, type, reason } = order.order;
  const verb = side === "buy" ? "buys" : "sells";
  const filled = Number(order.quantity_filled) ? ` at ${average(averagePrice(order))}` : "";
  const because = signal ? whySignal(signal.signal) : why(reason);
  return `${strategy} ${verb} ${exact(quantity)} ${instrument} (${words(type)})${filled}, because ${because}.`;
}

export const averagePrice = (order) => order.average_price ?? (Number(order.quantity_filled) ? Number(order.value_filled) / Number(order.quantity_filled) : null);

function why(reason) {
  const known = {
    flatten: "an operator had all positions closed", stop: "a stop condition closes all positions", ended: "the session ends and closes what is open",
    close: "an operator closed the position", manual: "an operator placed it",
  };
  return known[reason] ?? `of ${words(reason)}`;
}

export function whySignal(signal) {
  const size = { fraction: `${percent(signal.target, 1)} of its capital`, quantity: `${exact(signal.target)} units`, notional: `a notional of ${exact(signal.target)}`, risk: "a size that risk chooses" }[signal.target_kind];
  const wants = signal.direction === "flat" ? "no position" : `a ${signal.direction} position of ${size}`;
  const regime = signal.regime ? `, in a ${signal.regime} market` : "";
  return `it wants ${wants}, decided at ${exact(signal.price)} with confidence ${fixed(signal.confidence, 2)}${regime}`;
}

export function evidence(signal) {
  return Object.entries(signal?.metadata ?? {}).slice(0, 20).map(([name, value]) => [words(name), value]);
}

export const factsList = (pairs) => h("dl.facts-list", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

// Lanes of event time. A lane begins where the one before ended.
export function lanes(order, signal) {
  const found = [];
  const began = signal?.signal.ts ?? order.order.ts;
  let at = began;
  const lane = (name, to, kind = "") => {
    if (to === null || to === undefined) return;
    found.push({ name, from: at, to: Math.max(at, to), kind });
    at = Math.max(at, to);
  };
  lane("Decision", order.order.ts);
  const steps = order.steps ?? [];
  const submitted = steps.find(([state]) => state === "in_flight");
  if (submitted) lane("Approved, to execution", submitted[1]);
  if (order.ts_effect) lane("On its way to the venue", order.ts_effect, "wait");
  for (const [state, ts] of steps) {
    if (state === "approved" || state === "in_flight") continue;
    lane(words(state), ts, state.includes("filled") ? "done" : ["rejected", "cancelled", "expired", "lost"].includes(state) ? "bad" : "wait");
  }
  if (order.ts_known) lane("Fill known here", order.ts_known, "wait");
  return found;
}

export function waterfall(found) {
  const begin = found[0]?.from ?? 0;
  const whole = Math.max(1, ...found.map((lane) => lane.to - begin));
  return h("div.water", { role: "list", "aria-label": "Where the order's time went" }, found.map((lane) => {
    const bar = h("div", { class: `span ${lane.kind}`.trim() });
    bar.style.left = `${((lane.from - begin) / whole) * 100}%`;
    bar.style.width = `${((lane.to - lane.from) / whole) * 100}%`;
    return h("div", { role: "listitem", class: "contents" }, h("div", {}, lane.name), h("div.lane", {}, bar), h("div.time", {}, `+${duration(ms(lane.to - begin))}`));
  }));
}

// The same by the wall clock: what each service took, read from the log's own trace.
async function wall(id, place) {
  try {
    const { items: spans } = await get(`/orders/${encodeURIComponent(id)}/trace`);
    if (!spans.length) throw new Error("the log has no steps of this order");
    const steps = spans.map((each) => ({ name: words(each.name).replace(".", ": "), from: each.start_ns, to: each.end_ns, kind: each.name.includes("fill") ? "done" : "" }));
    steps.sort((a, b) => a.from - b.from);
    replace(place, h("h3", {}, "What each service took, by the wall clock"), waterfall(steps), h("p.quiet.small", {}, "Trace ", h("code", {}, spans[0].trace_id)));
  } catch (problem) {
    replace(place, h("p.quiet.small", {}, `No trace: ${problem.message}`));
  }
}

const rounded = (value) => (Math.abs(Number(value)) >= 100 ? fixed(value, 2) : fixed(value, 4));

const grid = (caption, heads, rows) => h("div.scroll", { tabIndex: 0, role: "group", "aria-label": caption }, h("table", {}, h("caption", {}, caption),
  h("thead", {}, h("tr", {}, heads.map((each, index) => h("th", { scope: "col", class: index ? "number" : "" }, each)))),
  h("tbody", {}, rows.map((row) => h("tr", {}, row.map((each, index) => h("td", { class: index ? "number" : "" }, each)))))));

export function openOrder(order, signal, fills) {
  const price = averagePrice(order);
  const reference = Number(order.order.reference_price);
  const slip = price && reference ? ((price - reference) / reference) * (order.order.side === "buy" ? 1e4 : -1e4) : null;
  const later = h("div.stack");
  const shown = dialog(`Order ${order.order.ordinal ?? ""} · ${order.order.side} ${order.order.instrument}`, [
    h("p.story", {}, sentence(order, signal)),
    h("h3", {}, "From tick to fill, in event time"),
    waterfall(lanes(order, signal)),
    later,
    h("p.quiet.small", {}, `Began ${moment(signal?.signal.ts ?? order.order.ts, { millis: true })}.`),
    factsList([
      ["Status", words(order.status) + (order.reason ? `: ${order.reason}` : "")],
      ["Filled", `${exact(order.quantity_filled)} of ${exact(order.order.quantity)}${price ? ` at ${average(price)}` : ""}`],
      ["Arrival price", exact(order.order.reference_price)],
      ["Slippage", slip === null ? null : `${fixed(slip, 2)} bp against arrival`],
      ["Limit", order.order.limit_price && exact(order.order.limit_price)], ["Stop", order.order.stop_price && exact(order.order.stop_price)],
      ["Time in force", words(order.order.time_in_force)],
      ...evidence(signal?.signal),
      ["Order id", h("code", {}, order.order.order_id)],
      ["Signal id", h("code", {}, order.order.signal_id)],
    ]),
    order.order.checks?.length ? [h("h3", {}, "What risk checked before it let the order pass"), grid("Limits checked", ["Rule", "Value", "Limit"], order.order.checks.map((check) => [words(check.rule), rounded(check.value), rounded(check.limit)]))] : null,
    fills.length ? [h("h3", {}, "Fills"), grid("Fills of the order", ["Time", "Price", "Quantity", "Fee", "Liquidity"], fills.map((fill) => [clock(fill.ts, { millis: true }), average(fill.price), exact(fill.quantity), `${fee(fill.fee)} ${fill.fee_currency}`, fill.liquidity]))] : null,
  ], { wide: true });
  wall(order.order.order_id, later);
  return shown;
}
