// Every limit as a bar, used of allowed; what was refused, with the rule and the value that broke it.

import { card, classes, h, text } from "../dom.js";
import { clock, count, exact, money, percent, words } from "../format.js";
import { Table } from "../parts/table.js";
import { get } from "../rest.js";

export const title = "Risk";

export function mount(root, { store }) {
  const meters = h("div");
  const says = h("p.empty", { role: "status" }, "Asking for the limits…");
  const state = h("span.badge.large");
  const refusals = new Table("Refusals, newest first", [
    { title: "Time", value: (each) => clock(each.refusal.ts) },
    { title: "Strategy", value: (each) => each.refusal.strategy },
    { title: "Instrument", value: (each) => each.refusal.instrument },
    { title: "Wanted", value: (each) => each.signal?.direction ?? "–" },
    { title: "Rule", value: (each) => words(each.refusal.rule), badge: () => "fair" },
    { title: "Value", number: true, value: (each) => exact(each.refusal.value) },
    { title: "Limit", number: true, value: (each) => exact(each.refusal.limit) },
    { title: "Says", wrap: true, value: (each) => each.refusal.text || "–" },
  ], { empty: "Risk has refused nothing.", key: (each) => each.refusal.signal_id, tall: true });
  const changes = new Table("Trading state, newest first", [
    { title: "Time", value: (each) => clock(each.ts) },
    { title: "State", value: (each) => each.state, badge: (each) => ({ active: "good", reducing: "fair", halted: "bad" })[each.state] ?? "" },
    { title: "Before", value: (each) => each.previous },
    { title: "Rule", value: (each) => words(each.rule) },
    { title: "Value", number: true, value: (each) => exact(each.value) },
    { title: "Limit", number: true, value: (each) => exact(each.limit) },
    { title: "Reason", wrap: true, value: (each) => `${each.accepted ? "" : "refused: "}${each.reason}` },
  ], { empty: "No halt, reduction or stop in this session.", key: (each) => `${each.ts} ${each.reason} ${each.command_id}` });
  const settings = new Table("Settings", [
    { title: "Setting", value: (each) => words(each.name) },
    { title: "Value", value: (each) => each.value },
  ], { empty: "Not told.", key: (each) => each.name, tall: true });
  root.append(h("div.head", {}, h("h1", {}, "Risk"), state),
    h("div.stack", {}, card("Limits: used of allowed", null, says, meters), card("Refusals", null, refusals.element), card("Halts, reductions, stops", null, changes.element), card("Other settings of risk", null, settings.element)));
  const rows = new Map();
  let risk = null, asked = 0;

  async function load() {
    if (performance.now() - asked < 1000) return;
    asked = performance.now();
    try {
      risk = await get("/risk");
      says.hidden = true;
    } catch (problem) {
      says.hidden = false;
      text(says, `The limits cannot be had: ${problem.message}`);
    }
  }

  function meter(limit) {
    const part = { name: h("div"), fill: h("div.fill"), used: h("div.number"), share: h("div.share") };
    part.track = h("div.track", { role: "meter", "aria-valuemin": "0", "aria-valuemax": "100" }, part.fill);
    part.element = h("div.meter", {}, part.name, part.track, part.used, part.share);
    meters.append(part.element);
    rows.set(limit.id, part);
    return part;
  }

  function draw() {
    const limits = shaped(risk);
    for (const limit of limits) {
      const part = rows.get(limit.id) ?? meter(limit);
      const share = limit.allowed > 0 ? Math.max(0, limit.used / limit.allowed) : 0;
      classes(part.element, `meter ${share >= 0.9 ? "bad" : share >= 0.7 ? "fair" : ""}`.trim());
      text(part.name, limit.name);
      text(part.used, limit.says);
      text(part.share, percent(share, 0));
      part.fill.style.width = `${Math.min(100, share * 100)}%`;
      part.track.setAttribute("aria-valuenow", String(Math.round(Math.min(1, share) * 100)));
      part.track.setAttribute("aria-label", limit.name);
      part.track.setAttribute("aria-valuetext", limit.says);
    }
    const wanted = new Set(limits.map((each) => each.id));
    for (const [id, part] of rows) if (!wanted.has(id)) { part.element.remove(); rows.delete(id); }
    settings.update(Object.entries(risk.settings ?? {}).map(([name, value]) => ({ name, value: typeof value === "object" ? JSON.stringify(value) : String(value) })));
  }

  function update() {
    load();
    classes(state, `badge large ${{ active: "good", reducing: "fair", halted: "bad" }[store.trading.state] ?? ""}`.trim());
    text(state, (store.trading.state ?? "starting").toUpperCase());
    if (risk) draw();
    refusals.update(store.refusals.slice().reverse());
    changes.update(store.changes.slice().reverse());
  }
  return { update, destroy() {} };
}

// The limits with their use, as bars.
function shaped(risk) {
  const currency = risk.currency ?? "";
  return (risk.limits ?? []).map((each, index) => {
    const used = Number(each.used ?? each.value ?? 0), allowed = Number(each.limit ?? each.allowed ?? 0);
    const shown = (value) => (each.unit === "fraction" ? percent(value, 1) : each.unit === "count" ? count(value) : each.unit && each.unit !== "money" ? `${exact(value)} ${each.unit}` : money(value, currency));
    const of = [each.strategy, each.instrument].filter(Boolean).join(" · ");
    return { id: `${each.rule ?? each.name} ${of} ${index}`, name: `${words(each.rule ?? each.name)}${of ? ` · ${of}` : ""}`, used, allowed, says: `${shown(used)} of ${shown(allowed)}` };
  });
}
