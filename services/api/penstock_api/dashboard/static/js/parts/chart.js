// Charts in the page's colours. The library draws on canvases, so each chart also says in words what it shows.

import * as lib from "../../vendor/lightweight-charts.mjs";
import { h } from "../dom.js";

const charts = new Set();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options() {
  return {
    autoSize: true,
    layout: { background: { color: colour("--surface") }, textColor: colour("--quiet"), attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, panes: { separatorColor: colour("--line") } },
    grid: { vertLines: { color: colour("--line"), style: 1 }, horzLines: { color: colour("--line"), style: 1 } },
    rightPriceScale: { borderColor: colour("--line") },
    timeScale: { borderColor: colour("--line"), timeVisible: true, secondsVisible: true, rightOffset: 2, minBarSpacing: 0.01 },
    crosshair: { mode: 0 },
  };
}

export function recolour() {
  for (const chart of charts) chart.recolour();
}

class Base {
  constructor(label, size = "") {
    this.element = h("div", { class: `chart ${size}`.trim(), role: "img", "aria-label": label });
    this.chart = lib.createChart(this.element, options());
    this.followed = true; // until somebody moves it
    for (const each of ["wheel", "pointerdown"]) this.element.addEventListener(each, () => { this.followed = false; }, { passive: true });
    this.element.addEventListener("dblclick", () => { this.followed = true; });
    this.sized = new ResizeObserver(() => this.follow());
    this.sized.observe(this.element);
    charts.add(this);
  }

  follow() {
    if (this.followed) this.chart.timeScale().fitContent();
  }

  say(label) {
    if (this.element.getAttribute("aria-label") !== label) this.element.setAttribute("aria-label", label);
  }

  recolour() {
    this.chart.applyOptions(options());
    this.paint();
  }

  destroy() {
    charts.delete(this);
    this.sized.disconnect();
    this.chart.remove();
  }
}

// Points of one second collapse to the last: the library wants whole, rising seconds.
function seconds(points, value) {
  const found = [];
  for (const point of points) {
    const time = Math.floor(point[0] / 1e9);
    if (found.length && found.at(-1).time === time) found[found.length - 1] = { time, value: value(point) };
    else if (!found.length || time > found.at(-1).time) found.push({ time, value: value(point) });
  }
  return found;
}

export class EquityChart extends Base {
  constructor() {
    super("Equity over time, and its fall from the peak");
    this.equity = this.chart.addSeries(lib.AreaSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: { type: "custom", minMove: 0.01, formatter: (value) => this.#short(value) } });
    this.fall = this.chart.addSeries(lib.AreaSeries, { lineWidth: 1, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", minMove: 0.01, formatter: (value) => this.#short(value) } }, 1);
    const panes = this.chart.panes();
    panes[0].setStretchFactor(3);
    panes[1].setStretchFactor(1);
    this.drawn = "";
    this.paint();
  }

  paint() {
    const accent = colour("--accent"), down = colour("--down");
    this.equity.applyOptions({ lineColor: accent, topColor: `${accent}44`, bottomColor: `${accent}05` });
    this.fall.applyOptions({ lineColor: down, topColor: `${down}05`, bottomColor: `${down}44`, invertFilledArea: true });
  }

  update(points) {
    const last = points.at(-1), key = `${points.length} ${last?.[0]}`;
    if (key === this.drawn) return;
    const one = this.drawn === `${points.length - 1} ${points.at(-2)?.[0]}` && last[1] >= this.least && last[1] <= this.most;
    this.drawn = key;
    if (one) {
      const time = Math.floor(last[0] / 1e9);
      this.equity.update({ time, value: last[1] });
      this.fall.update({ time, value: -last[2] });
      return this.follow();
    }
    const values = points.map((point) => point[1]);
    this.least = Math.min(...values);
    this.most = Math.max(...values);
    const spread = this.most - this.least;
    this.digits = spread > 500 ? 0 : spread > 5 ? 1 : 2;
    this.equity.setData(seconds(points, (point) => point[1]));
    this.fall.setData(seconds(points, (point) => -point[2]));
    this.follow();
  }

  #short(value) {
    return value.toLocaleString("en-US", { minimumFractionDigits: this.digits ?? 2, maximumFractionDigits: this.digits ?? 2 });
  }
}

export class CandleChart extends Base {
  constructor() {
    super("Candles with fills and working orders", "tall");
    this.candles = this.chart.addSeries(lib.CandlestickSeries, { borderVisible: true });
    this.volume = this.chart.addSeries(lib.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.markers = lib.createSeriesMarkers(this.candles, []);
    this.lines = new Map();
    this.last = null;
    this.paint();
  }

  paint() {
    const up = colour("--up"), down = colour("--down");
    this.candles.applyOptions({ upColor: up, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    this.volume.applyOptions({ color: colour("--line-strong") });
  }

  set(bars, decimals) {
    this.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
    this.candles.setData(bars);
    this.volume.setData(bars.filter((bar) => bar.volume !== undefined).map(({ time, volume }) => ({ time, value: volume })));
    this.last = bars.at(-1) ?? null;
    this.bars = bars.length;
    this.follow();
  }

  follow() {
    const many = this.bars ?? 0;
    if (this.followed) this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(many - 150, Math.min(0, many - 28)), to: many + 3 });
  }

  // What has traded since the last bar: shown as a bar that grows, until the real one comes.
  tick(time, price) {
    if (this.last && time < this.last.time) return;
    this.last = !this.last || time > this.last.time
      ? { time, open: price, high: price, low: price, close: price }
      : { ...this.last, high: Math.max(this.last.high, price), low: Math.min(this.last.low, price), close: price };
    this.candles.update(this.last);
  }

  mark(fills) {
    const up = colour("--up"), down = colour("--down");
    this.markers.setMarkers(fills.map((fill) => ({
      time: fill.time, position: fill.side === "buy" ? "belowBar" : "aboveBar", shape: fill.side === "buy" ? "arrowUp" : "arrowDown",
      color: fill.side === "buy" ? up : down, text: fill.text,
    })));
  }

  works(orders) {
    const wanted = new Set(orders.map((order) => order.key));
    for (const [key, line] of this.lines) {
      if (!wanted.has(key)) {
        this.candles.removePriceLine(line);
        this.lines.delete(key);
      }
    }
    for (const order of orders) {
      if (!this.lines.has(order.key)) {
        this.lines.set(order.key, this.candles.createPriceLine({ price: order.price, color: colour(order.side === "buy" ? "--up" : "--down"), lineStyle: 2, title: order.title }));
      }
    }
  }
}
