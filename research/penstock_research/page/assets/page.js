"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const NOTHING = "–";
const by = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const make = (tag, text, name) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (name) e.className = name; return e; };
const known = v => v !== null && v !== undefined && v !== "" && Number.isFinite(Number(v));
const number = (v, digits = 2) => known(v) ? Number(v).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : NOTHING;
const money = v => { if (!known(v)) return NOTHING; const n = Math.abs(Number(v)); return number(v, n === 0 || n >= 100 ? 2 : n >= 1 ? 4 : 8); };
const percent = (v, digits = 2) => known(v) ? number(v * 100, digits) + " %" : NOTHING;
const plain = v => known(v) ? String(Number(Number(v).toPrecision(9))) : NOTHING;
const time = s => known(s) ? new Date(s * 1000).toISOString().replace(".000Z", "Z").replace("T", " ") : NOTHING;
const short = v => known(v) ? Number(v).toLocaleString("en", { maximumFractionDigits: 8 }) : NOTHING;
const sign = v => !known(v) || Number(v) === 0 ? "" : Number(v) > 0 ? "up" : "down";

// --- Theme ------------------------------------------------------------------------------------------
const media = matchMedia("(prefers-color-scheme: dark)");
const asked = new URLSearchParams(location.search).get("theme");
let theme = asked === "dark" || asked === "light" ? asked : media.matches ? "dark" : "light";
function applyTheme() { document.documentElement.dataset.theme = theme; drawCharts(); drawCandles(); drawMonths(); }
by("theme").onclick = () => { theme = theme === "dark" ? "light" : "dark"; applyTheme(); };
media.addEventListener("change", () => { theme = media.matches ? "dark" : "light"; applyTheme(); });

// --- Head -------------------------------------------------------------------------------------------
const s = data.summary;
by("title").textContent = data.title;
by("subtitle").textContent = data.subtitle;
const tiles = [
  ["Return", percent(s.return), sign(s.return)], ["Buy and hold", percent(s.return_buy_and_hold), sign(s.return_buy_and_hold)],
  ["Equity, " + s.currency, money(s.equity_end), ""], ["Sharpe", number(s.sharpe), sign(s.sharpe)], ["Sortino", number(s.sortino), sign(s.sortino)],
  ["Calmar", number(s.calmar), sign(s.calmar)], ["Largest drawdown", percent(s.drawdown_max_fraction), s.drawdown_max_fraction ? "down" : ""],
  ["Trades", number(s.trades.count, 0), ""], ["Win rate", percent(s.trades.win_rate, 1), ""], ["Profit factor", number(s.trades.profit_factor), ""],
  ["Fees", money(s.fees), ""], ["Time in market", percent(s.time_in_market, 1), ""]];
for (const [label, value, tone] of tiles) { const t = make("div", undefined, "tile"); t.append(make("b", value, tone), make("span", label)); by("tiles").append(t); }

// --- Line charts ------------------------------------------------------------------------------------
let charts = [];
const observed = new ResizeObserver(() => charts.forEach(c => c.setSize({ width: c.root.parentElement.clientWidth, height: c.height })));
["equity", "underwater", "rolling", "exposure", "costs"].forEach(id => observed.observe(by(id)));
function axes(format) {
  const common = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 } };
  const when = (_, ticks, __, ___, step) => ticks.map((t, i) => { const iso = new Date(t * 1000).toISOString();
    return step >= 86400 || iso.slice(11, 16) === "00:00" ? (i ? iso.slice(5, 10) : iso.slice(0, 10)) : iso.slice(11, 16); });
  return [{ ...common, values: when, space: 70 }, { ...common, size: 84, values: (_, ticks) => ticks.map(format) }];
}
function line(id, height, columns, series, format, tick) {
  const host = by(id);
  if (columns[0].length < 2) { host.textContent = NOTHING; return; }
  const options = { width: host.clientWidth, height, tzDate: ts => uPlot.tzDate(new Date(ts * 1000), "UTC"), cursor: { sync: { key: "time" }, points: { size: 6 } },
    axes: axes(tick || format), series: [{ value: (_, v) => time(v) }, ...series.map(x => ({ width: 1.6, points: { show: false }, value: (_, v) => format(v), ...x }))] };
  charts.push(new uPlot(options, columns, host));
}
function drawCharts() {
  charts.forEach(c => c.destroy()); charts = [];
  const e = data.equity, accent = css("--accent"), other = css("--other"), down = css("--down");
  line("equity", 300, [e.t, e.value, e.hold], [{ label: "equity", stroke: accent }, { label: "buy and hold", stroke: other, dash: [5, 4], width: 1.2 }], money, short);
  line("underwater", 190, [e.t, e.underwater], [{ label: "under water", stroke: down, fill: css("--down-soft") }], v => percent(v));
  line("rolling", 190, [data.rolling.t, data.rolling.value], [{ label: "Sharpe", stroke: accent }], v => number(v, 1));
  const stepped = uPlot.paths.stepped({ align: 1 });
  line("exposure", 190, [e.t, e.gross, e.net], [{ label: "gross", stroke: accent, paths: stepped }, { label: "net", stroke: other, width: 1, paths: stepped }], v => percent(v, 1));
  line("costs", 190, [e.t, e.fees], [{ label: "fees so far", stroke: down, fill: css("--down-soft") }], money, short);
}
by("equity-note").textContent = `${s.currency}, against an equal share in each instrument, without costs`;
by("rolling-note").textContent = data.rolling.note;
by("costs-note").textContent = `fees ${money(s.fees)}, slippage against the price decided on ${money(data.slippage)} ${s.currency}`;

// --- Months -----------------------------------------------------------------------------------------
function drawMonths() {
  const names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const table = make("table"), head = make("tr"), years = [...new Set(data.months.map(m => m[0]))];
  const worst = Math.max(0.0001, ...data.months.map(m => Math.abs(m[2])));
  head.append(make("th", ""), ...names.map(n => make("th", n)), make("th", "Year")); table.append(head);
  for (const year of years) {
    const row = make("tr"); let whole = 1; row.append(make("td", year, "text"));
    for (let month = 1; month <= 12; month++) {
      const found = data.months.find(m => m[0] === year && m[1] === month), cell = make("td", found ? percent(found[2], 1) : "");
      if (found) { whole *= 1 + found[2]; const share = Math.round(15 + 60 * Math.abs(found[2]) / worst);
        cell.style.background = `color-mix(in srgb, ${css(found[2] >= 0 ? "--up" : "--down")} ${share}%, transparent)`; }
      row.append(cell);
    }
    row.append(make("td", percent(whole - 1, 1), sign(whole - 1))); table.append(row);
  }
  by("months").replaceChildren(data.months.length ? table : make("span", NOTHING));
}

// --- Candles ----------------------------------------------------------------------------------------
const MARKERS_MAX = 400;
let candleChart = null;
const keys = Object.keys(data.candles);
for (const key of keys) { const option = make("option", key); option.value = key; by("instrument").append(option); }
by("instrument").hidden = keys.length < 2;
by("instrument").onchange = drawCandles;
function drawCandles() {
  if (candleChart) { candleChart.remove(); candleChart = null; }
  const key = by("instrument").value, candles = data.candles[key], host = by("candles");
  if (!candles) { host.textContent = NOTHING; host.style.height = "auto"; return; }
  const text = css("--dim"), border = css("--line"), up = css("--up"), down = css("--down");
  candleChart = LightweightCharts.createChart(host, { autoSize: true, layout: { background: { color: "transparent" }, textColor: text },
    grid: { vertLines: { color: border }, horzLines: { color: border } }, timeScale: { timeVisible: true, borderColor: border, minBarSpacing: 0.02 }, rightPriceScale: { borderColor: border } });
  const step = Math.pow(10, -candles.decimals);
  const series = candleChart.addSeries(LightweightCharts.CandlestickSeries, { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false,
    priceFormat: { type: "price", precision: candles.decimals, minMove: step } });
  series.setData(candles.t.map((t, i) => ({ time: t, open: candles.o[i], high: candles.h[i], low: candles.l[i], close: candles.c[i] })));
  const fills = data.fills[key] || { t: [], side: [], price: [], quantity: [] };
  const markers = LightweightCharts.createSeriesMarkers(series, []);
  const place = seconds => { let low = 0, high = candles.t.length; while (low < high) { const mid = (low + high) >> 1; if (candles.t[mid] <= seconds) low = mid + 1; else high = mid; } return Math.max(low - 1, 0); };
  const at = fills.t.map(place);
  const show = range => {
    if (!range) return;
    const first = Math.max(0, Math.floor(range.from)), last = Math.ceil(range.to);
    // Several fills in a stretch too narrow to tell them apart are one arrow with their number.
    const bucket = Math.max(1, Math.ceil((last - first) / (MARKERS_MAX / 2)));
    const groups = new Map();
    for (let i = 0; i < at.length; i++) {
      if (at[i] < first || at[i] > last) continue;
      const id = Math.floor(at[i] / bucket) * 2 + (fills.side[i] > 0 ? 1 : 0), group = groups.get(id);
      if (group) { group.count++; group.quantity += fills.quantity[i]; group.value += fills.quantity[i] * fills.price[i]; }
      else groups.set(id, { at: at[i], buy: fills.side[i] > 0, count: 1, quantity: fills.quantity[i], value: fills.quantity[i] * fills.price[i] });
    }
    const few = groups.size <= 10;
    markers.setMarkers([...groups.values()].sort((a, b) => a.at - b.at).map(g => ({ time: candles.t[g.at], position: g.buy ? "belowBar" : "aboveBar",
      color: g.buy ? up : down, shape: g.buy ? "arrowUp" : "arrowDown",
      text: few ? `${plain(g.quantity)} @ ${number(g.value / g.quantity, candles.decimals)}` : g.count > 1 ? String(g.count) : undefined })));
  };
  candleChart.timeScale().subscribeVisibleLogicalRangeChange(show);
  const count = candles.t.length, shown = Math.min(count, 240), focus = at.length ? at[at.length - 1] : count - 1;
  const end = Math.min(count - 1, focus + Math.floor(shown / 8));
  candleChart.timeScale().setVisibleLogicalRange({ from: end - shown, to: end + 2 });
  by("candles-note").textContent = `${fills.t.length} fills; candles of ${candles.span}; drag and zoom, arrows with a number are several fills`;
}

// --- Trades -----------------------------------------------------------------------------------------
const PAGE = 50, t = data.trades;
const columns = [["closed", "close", time, "text"], ["opened", "open", time, "text"], ["strategy", "strategy", v => t.strategies[v], "text"], ["instrument", "instrument", v => t.instruments[v], "text"],
  ["side", "side", v => v > 0 ? "long" : "short", "text"], ["quantity", "quantity", plain], ["entry", "entry", plain], ["exit", "exit", plain], ["PnL", "pnl", money], ["fees", "fees", money], ["net", "net", money]];
let order = t.close.map((_, i) => i), sorted = null, ascending = false, pageAt = 0;
function drawTrades() {
  const table = by("trades"), head = make("tr"), body = [];
  for (const [label, name, , kind] of columns) {
    const cell = make("th", label, `sort ${kind || ""} ${sorted === name ? "sorted" : ""} ${ascending ? "ascending" : ""}`);
    cell.onclick = () => { ascending = sorted === name ? !ascending : false; sorted = name; pageAt = 0;
      order.sort((a, b) => (ascending ? 1 : -1) * ((t[name][a] ?? -Infinity) - (t[name][b] ?? -Infinity)) || a - b); drawTrades(); };
    head.append(cell);
  }
  for (const i of order.slice(pageAt * PAGE, (pageAt + 1) * PAGE)) {
    const row = make("tr");
    for (const [, name, format, kind] of columns) row.append(make("td", format(t[name][i]), kind || (name === "net" ? sign(t.net[i]) : "")));
    body.push(row);
  }
  table.replaceChildren(head, ...body);
  const pages = Math.max(1, Math.ceil(order.length / PAGE)), back = make("button", "‹"), on = make("button", "›");
  back.disabled = pageAt === 0; on.disabled = pageAt >= pages - 1;
  back.onclick = () => { pageAt--; drawTrades(); }; on.onclick = () => { pageAt++; drawTrades(); };
  by("pages").replaceChildren(back, make("span", `${pageAt + 1} of ${pages}`), on);
}
by("trades-note").textContent = `${t.close.length} round trips, ${s.fills} fills; fees are in PnL's currency and already taken from net`;

// --- Tables -----------------------------------------------------------------------------------------
const pretty = v => v === null || v === undefined ? NOTHING : typeof v === "number" ? (Number.isInteger(v) ? number(v, 0) : plain(v)) : Array.isArray(v) ? (v.length ? v.map(pretty).join(", ") : NOTHING) : String(v);
function pairs(table, value, prefix = "") {
  for (const [name, each] of Object.entries(value)) {
    if (each !== null && typeof each === "object" && !Array.isArray(each)) { pairs(table, each, `${prefix}${name}.`); continue; }
    const row = make("tr"); row.append(make("td", prefix + name, "text"), make("td", Array.isArray(each) && each.some(x => x && typeof x === "object") ? JSON.stringify(each) : pretty(each))); table.append(row);
  }
}
pairs(by("figures"), s);
{
  const head = make("tr"); ["depth", "peak", "trough", "recovered"].forEach(n => head.append(make("th", n))); by("drawdowns").append(head);
  for (const [depth, peak, trough, back] of data.drawdowns) { const row = make("tr"); row.append(make("td", percent(depth), "text"), make("td", time(peak)), make("td", time(trough)), make("td", time(back))); by("drawdowns").append(row); }
}
for (const [name, value] of Object.entries(data.parameters)) {
  const box = make("details"), table = make("table"); box.append(make("summary", name), table); pairs(table, value); by("parameters").append(box);
}
if (by("parameters").firstChild) by("parameters").firstChild.open = true;

applyTheme();
drawTrades();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
