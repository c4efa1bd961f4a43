// The sessions and backtests so far, with their reports.

import { card, h, replace, text } from "../dom.js";
import { duration, moment, words } from "../format.js";
import { dialog } from "../parts/dialogs.js";
import { Table } from "../parts/table.js";
import { get } from "../rest.js";
import { factsList } from "../parts/story.js";

export const title = "Sessions";

export function mount(root, { store }) {
  const says = h("p.quiet", { role: "status" });
  const sessions = new Table("Sessions, newest first", [
    { title: "Session", value: (each) => each.session_id },
    { title: "Began", value: (each) => moment(each.started_at) },
    { title: "Lasted", number: true, value: (each) => (each.ended_at ? duration((each.ended_at - each.started_at) / 1e6) : "runs") },
    { title: "Ended by", value: (each) => words(each.stop_reason || (each.ended_at ? "–" : "")) },
    { title: "State", value: (each) => (each.session_id === store.session?.session_id && !each.ended_at ? "this session" : each.ended_at ? "ended" : "open"), badge: (each) => (each.ended_at ? "" : "good") },
    { title: "Config", wide: true, value: (each) => (each.config_hash ?? "").slice(0, 10) },
    { title: "Code", wide: true, value: (each) => (each.code_hash ?? "").slice(0, 10) },
  ], { empty: "No session is stored yet.", key: (each) => each.session_id, open: (each) => open(each.session_id) });
  const reports = new Table("Reports, newest first", [
    { title: "Report", value: (each) => each.name },
    { title: "Kind", value: (each) => each.kind, badge: (each) => (each.kind === "backtest" ? "info" : "") },
    { title: "Made", value: (each) => moment(each.created_at) },
    { title: "Source", value: (each) => each.source || "–" },
    { title: "Strategies", wide: true, value: (each) => each.strategies.join(", ") || "–" },
    { title: "Status", value: (each) => words(each.status), badge: (each) => ({ running: "good", failed: "bad" })[each.status] ?? "" },
    { title: "Ended by", value: (each) => words(each.stop_reason || "–") },
    { title: "Report", value: (each) => (each.written ? "written" : "not yet") },
  ], { empty: "No report yet: a session and a backtest write one when they end.", key: (each) => `${each.kind} ${each.name}`, open: (each) => open(each.name) });
  root.append(h("div.head", {}, h("h1", {}, "Sessions and backtests"), says), h("div.stack", {}, card("Sessions", null, sessions.element), card("Reports", null, reports.element)));
  let found = [], files = [], asked = -Infinity;

  async function load() {
    if (performance.now() - asked < 10000) return;
    asked = performance.now();
    try {
      found = (await get("/sessions", { limit: 100 })).items.map((each) => ({ ...each, session_id: each.session_id ?? each.session }));
      text(says, "");
    } catch (problem) {
      text(says, problem.message);
    }
    try {
      files = (await get("/reports")).items;
    } catch {
      files = [];
    }
  }

  async function open(id) {
    const body = h("div.stack", {}, h("p.quiet", {}, "Reading the report…"));
    dialog(`Report of ${id}`, body, { wide: true });
    try {
      replace(body, sections(await get(`/reports/${encodeURIComponent(id)}`)));
    } catch (problem) {
      replace(body, h("p", {}, problem.status === 404 ? "There is no report yet: one is written when a session ends." : problem.message));
    }
  }

  function update() {
    load();
    sessions.update(found);
    reports.update(files);
  }
  return { update, destroy() {} };
}

// A report as it was written: plain values first, each nested part under its name.
function sections(report, name = "", depth = 0) {
  const plain = [], nested = [];
  for (const [key, value] of Object.entries(report ?? {})) {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) nested.push([key, value]);
    else if (Array.isArray(value) && value.some((each) => typeof each === "object")) nested.push([`${key} (${value.length})`, Object.fromEntries(value.slice(0, 50).map((each, index) => [index + 1, typeof each === "object" ? JSON.stringify(each) : each]))]);
    else plain.push([words(key), Array.isArray(value) ? value.join(", ") : value === null ? "–" : String(value)]);
  }
  return [name ? h("h3", {}, words(name)) : null, plain.length ? factsList(plain) : null, depth < 3 ? nested.map(([key, value]) => sections(value, key, depth + 1)) : null];
}
