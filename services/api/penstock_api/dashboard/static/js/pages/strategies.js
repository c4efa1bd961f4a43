// Each strategy: whether it trades, what it earned, its signals and what became of them, its parameters.

import { attribute, classes, h, replace, text } from "../dom.js";
import { clock, count, duration, exact, money, percent, tone, words } from "../format.js";
import { ask } from "../parts/dialogs.js";
import { hold } from "../parts/holds.js";
import { factsList, whySignal } from "../parts/story.js";
import { get } from "../rest.js";

export const title = "Strategies";

export function mount(root, { store, can }) {
  const list = h("div.grid");
  const says = h("p.quiet.small", { role: "status" });
  const cards = new Map();
  let told = [], asked = 0;
  root.append(h("div.head", {}, h("h1", {}, "Strategies"), says), list);

  async function load() {
    if (performance.now() - asked < 2000) return;
    asked = performance.now();
    try {
      told = (await get("/strategies")).items;
      text(says, "");
    } catch (problem) {
      text(says, problem.status === 404 ? "" : problem.message);
    }
  }

  function names() {
    const found = new Set(told.map((each) => each.name));
    for (const name of Object.keys(store.strategies)) found.add(name);
    for (const each of store.signals.values()) found.add(each.signal.strategy);
    for (const each of store.positions.values()) found.add(each.strategy);
    return [...found].sort();
  }

  function make(name) {
    const part = { badge: h("span.badge"), mode: h("span.badge.info"), figures: h("div.body"), last: h("p"), notes: h("ul.feed"), parameters: h("div.body"), toggle: h("button", { type: "button" }), turn: h("button", { type: "button" }), halt: h("button", { type: "button", disabled: !can("operator"), "aria-label": `Halt ${name} alone`, onclick: () => hold(name) }, "Halt…") };
    part.element = h("section.card.w6", { "aria-label": `Strategy ${name}` }, h("header", {}, h("h2", {}, name), part.mode, part.badge, part.halt, part.turn, part.toggle), part.figures, h("div.body", {}, h("h3", {}, "Last signal"), part.last), part.notes, h("details.pad", {}, h("summary", {}, "Parameters"), part.parameters));
    part.keys = {};
    return part;
  }

  function once(part, name, key, draw) {
    if (part.keys[name] === key) return;
    part.keys[name] = key;
    draw();
  }

  function update() {
    load();
    const wanted = names();
    for (const [name, part] of cards) if (!wanted.includes(name)) { part.element.remove(); cards.delete(name); }
    for (const name of wanted) {
      if (!cards.has(name)) { cards.set(name, make(name)); list.append(cards.get(name).element); }
      draw(cards.get(name), name, told.find((each) => each.name === name));
    }
    if (!wanted.length) text(says, "No strategy has said anything yet.");
  }

  function draw(part, name, about) {
    const mine = [...store.signals.values()].filter((each) => each.signal.strategy === name);
    const error = store.notes.filter((each) => each.strategy === name && each.level === "error").at(-1);
    const on = about ? about.on : !error;
    const failed = about ? Boolean(about.failed) : Boolean(error);
    classes(part.badge, `badge ${failed ? "bad" : on ? "good" : ""}`.trim());
    text(part.badge, failed ? "stopped by an error" : on ? "on" : "off");
    text(part.mode, about?.mode === "shadow" ? "shadow: a virtual ledger only" : about?.mode === "trade" || !about ? "trades" : words(about.mode));
    text(part.toggle, on && !failed ? "Switch off" : "Switch on");
    attribute(part.toggle, "aria-label", `${on && !failed ? "Switch off" : "Switch on"} ${name}`);
    part.toggle.disabled = !can("operator");
    part.toggle.onclick = () => ask(on && !failed
      ? { title: `Switch ${name} off`, action: "Switch off", danger: true, path: `/strategies/${encodeURIComponent(name)}/off`, says: "It decides nothing any more. Its positions stay; close them on the page of positions." }
      : { title: `Switch ${name} on`, action: "Switch on", path: `/strategies/${encodeURIComponent(name)}/on`, says: "It decides again, from the next bar on." });
    const shadow = about?.mode === "shadow";
    part.turn.hidden = !about || about.source === "manual";
    text(part.turn, shadow ? "Let it trade…" : "To the shadow…");
    attribute(part.turn, "aria-label", shadow ? `Let ${name} trade` : `Put ${name} into the shadow`);
    part.turn.disabled = !can(shadow ? "risk_admin" : "operator");
    part.turn.onclick = () => ask({ title: shadow ? `Let ${name} trade` : `Put ${name} into the shadow`, action: shadow ? "Let it trade" : "To the shadow", danger: shadow, reason: shadow ? "required" : "optional", path: `/strategies/${encodeURIComponent(name)}/mode`, body: { mode: shadow ? "trade" : "shadow" }, done: () => { asked = 0; }, says: shadow ? "What it decides becomes orders again. Its virtual position must be flat." : "What it decides is booked in a virtual ledger only. It must have no position and no working order." });
    const stops = store.trading.holds.filter((each) => each.split(": ")[1]?.split(", ").includes(`strategy ${name}`)).at(-1)?.split(": ")[0];
    part.halt.hidden = shadow || Boolean(stops);
    if (stops && on && !failed) [part.badge.textContent, part.badge.className] = [stops, "badge bad"];
    const rows = shadow ? virtual(name) : [...store.positions.values()].filter((each) => each.strategy === name);
    const currency = store.money?.currency ?? "";
    const sum = (field) => rows.reduce((total, each) => total + Number(each[field] ?? 0), 0);
    const pnl = sum("pnl_realized") + sum("pnl_unrealized") - sum("fees");
    const outcomes = Object.entries(mine.reduce((all, each) => ({ ...all, [each.outcome ?? "open"]: (all[each.outcome ?? "open"] ?? 0) + 1 }), {})).map(([outcome, many]) => `${count(many)} ${words(outcome)}`).join(", ");
    const held = rows.filter((each) => Number(each.quantity)).map((each) => `${exact(each.quantity, { signed: true })} ${each.instrument}`).join(", ") || "flat";
    once(part, "figures", JSON.stringify([pnl, outcomes, held, about]), () => replace(part.figures, factsList([
      [shadow ? "Virtual PnL after fees" : "PnL after fees", h("span", { class: tone(pnl) }, money(pnl, currency, { signed: true }), ` ${currency}`)],
      ["Realised", `${money(sum("pnl_realized"), currency, { signed: true })}, fees ${money(sum("fees"), currency)}`],
      ["Unrealised", money(sum("pnl_unrealized"), currency, { signed: true })],
      [shadow ? "Virtual position" : "Position", held],
      ["Virtual trades", shadow ? `${count(sum("trades"))}, of which ${count(sum("trades_won"))} won` : null],
      ["Last signals", outcomes || "none yet"],
      ["Code", about?.source ?? null],
      ["Sees", about?.instruments?.length ? `${about.instruments.join(", ")} in bars of ${duration(about.interval / 1e6)}` : null],
      ["Capital", about ? percent(about.capital_fraction, 0) : null],
      ["Error", about?.failed || null],
    ])));
    const last = mine.at(-1);
    text(part.last, last ? `${clock(last.signal.ts)} ${last.signal.instrument}: ${whySignal(last.signal)}. ${last.refusal ? `Refused by ${words(last.refusal.rule)}.` : `It was ${words(last.outcome ?? "not answered yet")}.`}` : "It has not decided anything yet.");
    const notes = store.notes.filter((each) => each.strategy === name).slice(-3).reverse();
    once(part, "notes", notes.map((each) => each.ts).join(), () => replace(part.notes, notes.map((each) => h("li", {}, h("time", {}, clock(each.ts)), h("span.badge", { class: { error: "bad", warning: "fair" }[each.level] ?? "" }, each.level), h("span.text", {}, each.text)))));
    const parameters = about ? { ...about.parameters, ...about.guardrails } : null;
    once(part, "parameters", JSON.stringify(parameters), () => replace(part.parameters, parameters ? factsList(Object.entries(parameters).map(([key, value]) => [words(key), typeof value === "object" ? JSON.stringify(value) : String(value)])) : h("p.quiet", {}, "Not told.")));
  }

  // The ledger of a shadow strategy, as its last virtual fills left it, at the prices of risk's last report.
  function virtual(name) {
    return [...store.shadow.ledger.values()].filter((each) => each.strategy === name).map((each) => {
      const now = store.metrics?.shadow.find((one) => one.strategy === name && one.instrument === each.instrument);
      return { ...each, quantity: each.position, pnl_unrealized: now?.pnl_unrealized ?? null };
    });
  }

  return { update, destroy() {} };
}
