// How the services do: state, lag, latency, memory, and what was not believed or could not be read.

import { card, h, replace, text } from "../dom.js";
import { bytes, clock, count, duration, fixed, moment, percent, words } from "../format.js";
import { Table } from "../parts/table.js";
import { Tiles } from "../parts/tiles.js";
import { get } from "../rest.js";

export const title = "Health";
const SILENT_S = 5;

const dead = (each) => each.silent_s > SILENT_S;
const tones = (each) => (dead(each) ? "bad" : each.state === "running" ? "good" : ["halted", "failed"].includes(each.state) ? "bad" : "fair");

export function mount(root, { store, stream, can }) {
  const tiles = new Tiles(["Event rate", "Latency p99", "Lag", "Quarantined", "Dead letters", "Restarts"]);
  const notes = h("ul.feed");
  const services = new Table("Services", [
    { title: "Service", value: (each) => each.service },
    { title: "State", value: (each) => (dead(each) ? `silent for ${Math.round(each.silent_s)} s` : each.state), badge: tones },
    { title: "Events/s", number: true, value: (each) => fixed(each.events_per_s, 0) },
    { title: "Lag", number: true, value: (each) => count(each.lag) },
    { title: "p50", number: true, value: (each) => (each.latency_us?.p50 ? duration(each.latency_us.p50 / 1000) : "–") },
    { title: "p99", number: true, value: (each) => (each.latency_us?.p99 ? duration(each.latency_us.p99 / 1000) : "–") },
    { title: "Memory", number: true, value: (each) => bytes(each.rss_bytes) },
    { title: "CPU", number: true, value: (each) => `${fixed(each.cpu_s, 1)} s` },
    { title: "Errors", number: true, value: (each) => count(each.errors), tone: (each) => (each.errors ? "down" : "") },
    { title: "Event time", value: (each) => clock(each.mark, { millis: true }) },
    { title: "Last error", wrap: true, value: (each) => each.error || "–" },
  ], { empty: "No service has reported yet.", key: (each) => each.service });
  const marks = new Table("Progress by family", [
    { title: "Family", value: (each) => each.name },
    { title: "Done up to", value: (each) => moment(each.ts, { millis: true }) },
    { title: "Behind the first", number: true, value: (each) => duration(each.behind / 1e6) },
  ], { empty: "No interval has ended yet.", key: (each) => each.family });
  const letters = new Table("Dead letters", [
    { title: "Sequence", number: true, value: (each) => each.sequence },
    { title: "Subject", value: (each) => each.subject },
    { title: "Why", wrap: true, value: (each) => each.why },
    { title: "Retried", value: (each) => (each.retried_as ? `as ${each.retried_as}` : "no") },
  ], { empty: "No dead letters.", key: (each) => String(each.number), tall: true });
  const rows = new Table("Quarantine", [
    { title: "Source", value: (each) => each.source },
    { title: "Row", number: true, value: (each) => each.row },
    { title: "Reason", value: (each) => words(each.reason), badge: () => "fair" },
    { title: "As it came", wrap: true, value: (each) => each.raw },
  ], { empty: "Every row was believed.", key: (each) => `${each.source} ${each.row} ${each.sequence ?? ""}`, tall: true });
  const streams = new Table("Streams", [
    { title: "Stream", value: (each) => each.stream },
    { title: "Messages", number: true, value: (each) => count(each.messages) },
    { title: "Size", number: true, value: (each) => bytes(each.bytes) },
    { title: "Full", number: true, value: (each) => (each.bytes_max ? percent(each.bytes / each.bytes_max, 1) : "–") },
    { title: "Readers", number: true, value: (each) => count(each.consumers) },
  ], { empty: "Not told.", key: (each) => each.stream });
  const told = h("p.quiet.small");
  root.append(h("div.head", {}, h("h1", {}, "Health")), tiles.element,
    h("div.stack", {}, card("Services", null, services.element),
      h("div.grid", {}, h("div.w6.stack", {}, card("Progress by family", null, marks.element), card("Streams", null, streams.element)),
        h("div.w6.stack", {}, card("What is wrong now", null, notes, h("div.body", {}, told)), card("Dead letters", null, letters.element), card("Quarantine", null, rows.element)))));
  let asked = 0, dlq = null, shown = null, reasons = [];
  const FAMILIES = { md: "market (ingest)", feat: "features", sig: "signals (strategy)", ord: "orders (risk)", ven: "venue (execution)" };

  async function ask() {
    asked = performance.now();
    const [found, kept, all] = await Promise.allSettled([can("operator") ? get("/dlq") : null, get("/quarantine", { limit: 50 }), get("/health")]);
    dlq = found.value ?? null;
    rows.update(kept.value?.items ?? []);
    streams.update(all.value?.streams ?? []);
    reasons = all.value?.reasons ?? [];
  }

  function update() {
    const metrics = store.metrics;
    if (performance.now() - asked > 5000) ask();
    if (!metrics) return;
    const running = metrics.services;
    const by = (name) => running.find((each) => each.service === name);
    const ingest = by("ingest") ?? by("fused");
    tiles.set("Event rate", ingest ? `${fixed(ingest.events_per_s, 0)}/s` : "–", `${count(ingest?.events)} events so far`);
    const slowest = running.filter((each) => each.latency_us?.p99).sort((a, b) => b.latency_us.p99 - a.latency_us.p99)[0];
    tiles.set("Latency p99", slowest ? duration(slowest.latency_us.p99 / 1000) : "–", slowest ? `slowest: ${slowest.service}` : "");
    const lag = Math.max(0, ...running.map((each) => each.lag || 0));
    tiles.set("Lag", count(lag), "messages that wait", lag > 1000 ? "warn" : "");
    tiles.set("Quarantined", count(metrics.quarantined ?? 0), "rows not believed", metrics.quarantined ? "warn" : "");
    tiles.set("Dead letters", dlq ? count(dlq.items.length) + (dlq.next_cursor ? "+" : "") : count(metrics.unreadable), "could not be read", metrics.unreadable || dlq?.items.length ? "down" : "");
    tiles.set("Restarts", count(metrics.restarts), `${count(metrics.errors)} strategy errors`, metrics.restarts ? "warn" : "");
    services.update(running);
    const first = Math.max(0, ...Object.values(metrics.marks));
    marks.update(Object.entries(metrics.marks).map(([family, ts]) => ({ family, name: FAMILIES[family] ?? family, ts, behind: first - ts })));
    letters.update(dlq?.items ?? []);
    const wrong = [...new Set([...metrics.notes, ...reasons, ...running.filter((each) => each.error).map((each) => `${each.service}: ${each.error}`)])];
    const key = wrong.join("\n");
    if (key !== shown) {
      shown = key;
      replace(notes, wrong.length ? wrong.map((each) => h("li", {}, h("span.badge.bad", {}, "now"), h("span", {}), h("span.text", {}, each))) : h("li", {}, h("span.badge.good", {}, "good"), h("span", {}), h("span.text", {}, "Nothing is wrong.")));
    }
    text(told, `This page: ${stream.status}; ${count(metrics.stream.clients)} clients follow the stream, ${count(metrics.stream.dropped)} were dropped for being slow. The api is ${count(metrics.backlog)} messages behind the log.`);
  }
  return { update, destroy() {} };
}
