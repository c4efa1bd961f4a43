// Orders of an operator: written down, held against the limits for the eye, confirmed, and answered by risk.

import { h, replace } from "../dom.js";
import { amountOf, exact, money, percent, words } from "../format.js";
import { Problem, get, once } from "../rest.js";
import { dialog } from "./dialogs.js";
import { reckon } from "./worst.js";

const TYPES = [["market", "Market"], ["limit", "Limit"], ["stop", "Stop"], ["stop_limit", "Stop, then limit"], ["take_profit", "Take profit"]];
const FORCES = [["gtc", "Until cancelled"], ["day", "Today"], ["ioc", "At once, or what is there"], ["fok", "At once and whole, or not"]];
const AMOUNT = "(?=[0-9.]*[1-9])(0|[1-9][0-9]{0,28})([.][0-9]{1,60})?";
const LIMITED = new Set(["limit", "stop_limit"]), TRIGGERED = new Set(["stop", "stop_limit", "take_profit"]);

const amount = (value = "") => h("input", { type: "text", inputMode: "decimal", autocomplete: "off", required: true, pattern: AMOUNT, title: "An amount above zero, such as 0.25", value: value ?? "" });
const choice = (options) => h("select", {}, options.map(([value, name]) => h("option", { value }, name)));
const tick = (label) => {
  const box = h("input", { type: "checkbox" });
  return { box, element: h("label.tick", {}, box, h("span", {}, label)) };
};

export function placeOrder(store, instrument = null) {
  const key = h("select", {}, store.instruments.map((each) => h("option", { value: each, selected: each === instrument }, each)));
  const sides = ["buy", "sell"].map((side) => h("input", { type: "radio", name: "side", value: side, checked: side === "buy" }));
  const part = { type: choice(TYPES), quantity: amount(), limit: amount(), stop: amount(), force: choice(FORCES), post: tick("Post only: rejected rather than take"), reduce: tick("Reduce only") };
  const limit = h("label", {}, "Limit price", part.limit), stop = h("label", {}, "Trigger price", part.stop);
  const fit = () => {
    const type = part.type.value;
    for (const [label, input, needed] of [[limit, part.limit, LIMITED.has(type)], [stop, part.stop, TRIGGERED.has(type)]]) {
      label.hidden = !needed;
      input.disabled = !needed;
    }
    part.post.element.hidden = type !== "limit";
  };
  part.type.onchange = fit;
  fit();
  return ordering(store, {
    title: "Place an order", action: "Place order", method: "POST", path: () => "/orders",
    fields: [
      h("div.fields", {}, h("label", {}, "Instrument", key),
        h("fieldset", {}, h("legend", {}, "Side"), h("div.row", {}, sides.map((box) => h("label.tick", {}, box, h("span", {}, box.value))))),
        h("label", {}, "Type", part.type), h("label", {}, "Quantity", part.quantity), limit, stop, h("label", {}, "Works", part.force)),
      h("div.row", {}, part.post.element, part.reduce.element)],
    read: () => {
      const type = part.type.value, side = sides.find((box) => box.checked).value;
      return {
        instrument: key.value, side, type, quantity: part.quantity.value.trim(), time_in_force: part.force.value,
        ...(LIMITED.has(type) ? { limit_price: part.limit.value.trim() } : {}), ...(TRIGGERED.has(type) ? { stop_price: part.stop.value.trim() } : {}),
        ...(type === "limit" && part.post.box.checked ? { post_only: true } : {}), ...(part.reduce.box.checked ? { reduce_only: true } : {}),
        ...seen(store, key.value, side),
      };
    },
    whole: (body) => body,
  });
}

export function modifyOrder(store, each) {
  const old = each.order, left = Number(old.quantity) - Number(each.quantity_filled);
  const leftText = Number(each.quantity_filled) ? String(+left.toFixed(12)) : old.quantity;
  const part = { quantity: amount(leftText), limit: old.limit_price ? amount(old.limit_price) : null, stop: old.stop_price ? amount(old.stop_price) : null };
  const was = { ...old, quantity: leftText };
  return ordering(store, {
    title: `Change order ${old.ordinal ?? ""}`.trim(), action: "Change order", method: "PATCH", path: () => `/orders/${encodeURIComponent(old.order_id)}`,
    says: `${words(old.side)} ${exact(old.quantity)} ${old.instrument} (${words(old.type)}) of ${old.strategy}. A new order takes its place, under the same limits.`,
    fields: [h("div.fields", {}, h("label", {}, "Left to fill", part.quantity), part.limit && h("label", {}, "Limit price", part.limit), part.stop && h("label", {}, "Trigger price", part.stop))],
    read: () => {
      const body = {};
      for (const [name, input, before] of [["quantity", part.quantity, leftText], ["limit_price", part.limit, old.limit_price], ["stop_price", part.stop, old.stop_price]]) {
        if (input && input.value.trim() !== before) body[name] = input.value.trim();
      }
      return Object.keys(body).length ? { ...body, ...seen(store, old.instrument, old.side) } : null;
    },
    whole: (body) => ({ ...was, ...body }),
    replaced: was,
  });
}

// The price that the operator looks at: risk refuses when the market has left it by more than the collar.
function seen(store, instrument, side) {
  const market = store.market.get(instrument);
  const price = (side === "buy" ? market?.ask : market?.bid) ?? market?.last;
  return price ? { price: String(price) } : {};
}

function ordering(store, { title, action, method, path, says = null, fields, read, whole, replaced = null }) {
  const why = h("input", { type: "text", maxLength: 300, autocomplete: "off" });
  const outcome = h("div", { role: "status", "aria-live": "polite" });
  const review = h("button.primary", { type: "submit" }, "Review…"), cancel = h("button", { type: "button" }, "Cancel");
  const form = h("form", {}, h("div.stack", {}, says && h("p", {}, says), fields, h("label", {}, "Reason (kept in the audit)", why), outcome, h("div.actions", {}, cancel, review)));
  const shown = dialog(title, form, { wide: true });
  const send = once();
  cancel.onclick = () => shown.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const body = read();
    if (!body) return replace(outcome, h("div.outcome.bad", {}, "Nothing is different yet."));
    review.disabled = true;
    replace(outcome, h("div.outcome", {}, "Reckoning what it could make of the limits…"));
    const order = whole(body), told = await judged(store, order, replaced);
    review.disabled = false;
    replace(outcome);
    confirm(order, body, told);
  };
  function confirm(order, body, told) {
    const go = h("button.danger", { type: "button" }, action), back = h("button", { type: "button" }, "Back");
    const answer = h("div", { role: "status", "aria-live": "polite" });
    const step = h("div.stack", {}, h("p.story", { tabIndex: -1 }, sentence(order, store)), told, answer, h("div.actions", {}, back, go));
    form.hidden = true;
    form.after(step);
    step.firstChild.focus();
    back.onclick = () => { step.remove(); form.hidden = false; review.focus(); };
    go.onclick = async () => {
      go.disabled = back.disabled = true;
      replace(answer, h("div.outcome", {}, "Sent; waiting for risk's answer…"));
      try {
        const found = await send(path(), { ...body, reason: why.value.trim() }, method);
        const pending = found?.outcome === "pending";
        replace(answer, h("div", { class: `outcome ${pending ? "" : "good"}` }, pending ? "In the log, but nothing was heard of it yet: watch the orders." : ["Approved. ", h("a", { href: `#/orders/${encodeURIComponent(found.order_id)}`, onclick: () => shown.close() }, `Order ${found.order_id}`)]));
        go.hidden = true;
        back.textContent = "Close";
        back.onclick = () => shown.close();
      } catch (problem) {
        replace(answer, h("div.outcome.bad", {}, problem instanceof Problem ? refusal(problem) : String(problem)));
        go.disabled = false;
      }
      back.disabled = false;
      back.focus();
    };
  }
  fields[0].querySelector("select, input").focus();
  return shown;
}

function refusal(problem) {
  const { rule, value, limit } = problem.more;
  const says = problem.message.replace(`${rule}: `, "");
  return rule ? `Refused by the rule “${words(rule)}”${value ? `: ${exact(value)}${limit ? ` of ${exact(limit)}` : ""}` : ""}. ${says}` : says;
}

function sentence(order, store) {
  const at = { market: "at market", limit: `at ${order.limit_price} or better`, stop: `at market once ${order.stop_price} is reached`, stop_limit: `at ${order.limit_price} or better once ${order.stop_price} is reached`, take_profit: `at market once ${order.stop_price} is reached` }[order.type] ?? words(order.type);
  const last = store.market.get(order.instrument)?.last;
  return `${order.side === "buy" ? "Buys" : "Sells"} ${order.quantity} ${order.instrument} ${at}${last ? `; the last price is ${exact(last)}` : ""}.`;
}

// Each limit with what is used of it now, and at most after this order.
async function judged(store, order, replaced) {
  let found = null;
  try {
    const [risk, settings, instrument] = await Promise.all([get("/risk"), get("/risk/settings"), get(`/instruments/${encodeURIComponent(order.instrument)}`)]);
    const { definition } = instrument, currency = store.money?.currency;
    const held = Number(store.positions.get(`${order.strategy ?? "manual"} ${order.instrument}`)?.quantity ?? 0);
    const rate = definition.settlement === currency ? 1 : store.account?.rates?.[definition.settlement];
    const market = store.market.get(order.instrument);
    found = reckon({ order, definition, price: order.price ?? market?.last, risk, settings: settings.settings, held, rate, replaced });
  } catch (problem) {
    return h("p.outcome.bad", {}, `What it could make of the limits cannot be told: ${problem.message}. Risk decides all the same.`);
  }
  if (!found) return h("p.outcome.bad", {}, "What it could make of the limits cannot be told: a price, a rate or risk's report is missing. Risk decides all the same.");
  const currency = store.money?.currency ?? "";
  const over = found.rows.filter((row) => row.after > row.allowed);
  const table = h("table", {}, h("caption", {}, "Limits at worst"), h("thead", {}, h("tr", {}, ["Limit", "Of", "Now", "At most after", "Allowed", "Used"].map((name, index) => h("th", { scope: "col", class: index > 1 ? "number" : "" }, name)))),
    h("tbody", {}, found.rows.map((row) => h("tr", {}, h("td", {}, words(row.rule)), h("td", {}, row.scope), h("td.number", {}, amountOf(row.rule, row.now, currency)), h("td.number", {}, amountOf(row.rule, row.after, currency)), h("td.number", {}, amountOf(row.rule, row.allowed, currency)),
      h("td.number", { class: row.after > row.allowed ? "down" : "" }, row.allowed ? percent(row.after / row.allowed, 1) : "–")))));
  return h("div.stack", {},
    h("p", {}, found.reduces ? "It only brings the position nearer to zero." : `At worst it adds ${money(found.size, currency)} ${currency}, at a price of ${exact(+found.worst.toPrecision(10))}.`),
    over.length ? h("p.outcome.bad", {}, `Risk would refuse it now: ${over.map((row) => words(row.rule)).join(", ")}.`) : null,
    h("div.scroll", { tabIndex: 0, role: "group", "aria-label": "Limits at worst" }, table),
    h("p.quiet.small", {}, "Reckoned here with what risk reported last, all working orders filled. Risk decides, at the moment it comes."));
}
