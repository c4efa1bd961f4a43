// Every limit as a bar, used of allowed; what was refused, with the rule and the value that broke it.

import { card, classes, h, text } from "../dom.js";
import { amountOf, clock, exact, percent, words } from "../format.js";
import { resume } from "../parts/dialogs.js";
import { held } from "../parts/holds.js";
import { Table } from "../parts/table.js";
import { get } from "../rest.js";

export const title = "Risk";

export function mount(root, { store, can }) {
  const parts = h("ul.feed", { "aria-label": "Parts held apart" });
  const lift = h("button.plain", { type: "button", disabled: !can("risk_admin"), onclick: resume }, "Resume all…");
  const holds = card("Held apart, while the rest trades on", lift, parts);
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
    { title: "Since the start", value: (each) => (each.changed ? "changed" : "as begun"), badge: (each) => (each.changed ? "fair" : "") },
  ], { empty: "Not told.", key: (each) => each.name, tall: true });
  root.append(h("div.head", {}, h("h1", {}, "Risk"), state),
    h("div.stack", {}, holds, card("Limits: used of allowed", null, says, meters), card("Refusals", null, refusals.element), card("Halts, reductions, stops", null, changes.element), card("Other settings of risk", null, settings.element)));
  const rows = new Map();
  let risk = null, asked = 0, told = 0;

  async function load() {
    if (performance.now() - asked < 1000) return;
    asked = performance.now();
    try {
      risk = await get("/risk");
      const old = risk.limits_age_s === null || risk.limits_age_s > 5;
      says.hidden = risk.limits.length > 0 && !old;
      text(says, risk.limits_age_s === null ? "Risk has not reported its limits yet." : old ? `Risk has not reported for ${Math.round(risk.limits_age_s)} s: this is old.` : "Risk reports no limit in use.");
      if (performance.now() - told > 5000 || !told) {
        told = performance.now();
        const found = await get("/risk/settings");
        settings.update(Object.entries(found.settings).map(([name, value]) => ({ name, value: typeof value === "object" ? JSON.stringify(value) : String(value), changed: name in found.changed })));
      }
    } catch (problem) {
      says.hidden = false;
      text(says, `The limits cannot be had: ${problem.message}`);
    }
  }

  function meter(limit) {
    const part = { name: h("div"), of: h("div.quiet.small"), fill: h("div.fill"), used: h("div.number"), share: h("div.share") };
    part.track = h("div.track", { role: "meter", "aria-valuemin": "0", "aria-valuemax": "100" }, part.fill);
    part.element = h("div.meter", {}, h("div", {}, part.name, part.of), part.track, part.used, part.share);
    meters.append(part.element);
    rows.set(limit.id, part);
    return part;
  }

  function draw() {
    const limits = shaped(risk, store.money?.currency ?? "");
    for (const limit of limits) {
      const part = rows.get(limit.id) ?? meter(limit);
      const share = limit.allowed > 0 ? Math.max(0, limit.used / limit.allowed) : 0;
      classes(part.element, `meter ${share >= 0.9 ? "bad" : share >= 0.7 ? "fair" : ""}`.trim());
      text(part.name, limit.name);
      text(part.of, limit.of);
      text(part.used, limit.says);
      text(part.share, percent(share, 0));
      part.fill.style.width = `${Math.min(100, share * 100)}%`;
      part.track.setAttribute("aria-valuenow", String(Math.round(Math.min(1, share) * 100)));
      part.track.setAttribute("aria-label", `${limit.name}, ${limit.of}`);
      if (meters.children[limits.indexOf(limit)] !== part.element) meters.insertBefore(part.element, meters.children[limits.indexOf(limit)] ?? null);
      part.track.setAttribute("aria-valuetext", limit.says);
    }
    const wanted = new Set(limits.map((each) => each.id));
    for (const [id, part] of rows) if (!wanted.has(id)) { part.element.remove(); rows.delete(id); }
  }

  function update() {
    load();
    classes(state, `badge large ${{ active: "good", reducing: "fair", halted: "bad" }[store.trading.state] ?? ""}`.trim());
    text(state, (store.trading.state ?? "starting").toUpperCase());
    holds.hidden = !store.trading.holds.length;
    held(parts, store.trading.holds, { may: can("risk_admin") });
    if (risk) draw();
    refusals.update(store.refusals.slice().reverse());
    changes.update(store.changes.slice().reverse());
  }
  return { update, destroy() {} };
}

// The limits with their use, the fullest first.
function shaped(risk, currency) {
  return risk.limits.map((each) => {
    const used = Number(each.value), allowed = Number(each.limit);
    const of = each.scope === "account" ? "account" : each.scope.replace(" ", " · ");
    return { id: `${each.rule} ${each.scope}`, name: words(each.rule), of, used, allowed, says: `${amountOf(each.rule, used, currency)} of ${amountOf(each.rule, allowed, currency)}` };
  }).sort((a, b) => b.used / b.allowed - a.used / a.allowed || a.id.localeCompare(b.id));
}
