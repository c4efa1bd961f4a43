// Amounts come as exact decimals in strings and times in nanoseconds; here they become what a person reads.

export const DASH = "–";
const COARSE = new Map([["BTC", 8], ["ETH", 6]]);
const formats = new Map();

function grouped(value, least, most = least) {
  const key = `${least}/${most}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most }));
  }
  return formats.get(key).format(value).replace("-", "−");
}

export const known = (value) => value !== null && value !== undefined && value !== "" && Number.isFinite(Number(value));

export function money(value, currency = "", { signed = false, unit = false } = {}) {
  if (!known(value)) return DASH;
  const number = Number(value);
  const digits = COARSE.get(currency) ?? 2;
  const shown = grouped(Object.is(number, -0) ? 0 : number, digits);
  return (signed && number > 0 ? "+" : "") + shown + (unit && currency ? ` ${currency}` : "");
}

// As many decimals as the log gave it.
export function exact(value, { signed = false } = {}) {
  if (!known(value)) return DASH;
  const given = String(value);
  const digits = /e/i.test(given) ? 8 : (given.split(".")[1] ?? "").length;
  const number = Number(value);
  return (signed && number > 0 ? "+" : "") + grouped(number, Math.min(digits, 8));
}

// A price with the decimals of its market, of which `sample` is a price; a fill may lie between two ticks.
export function price(value, sample) {
  if (!known(value)) return DASH;
  return known(sample) ? grouped(Number(value), (String(sample).split(".")[1] ?? "").length) : exact(value);
}

export const fee = (value) => (known(value) ? grouped(Number(value), 2, Math.abs(Number(value)) < 0.01 ? 8 : 4) : DASH);

export const average = (value) => (known(value) ? grouped(Number(value), 2, Math.abs(Number(value)) < 10 ? 6 : 2) : DASH);
export const count = (value) => (known(value) ? grouped(Number(value), 0) : DASH);
export const percent = (value, digits = 2) => (known(value) ? `${grouped(Number(value) * 100, digits)} %` : DASH);
export const fixed = (value, digits = 2) => (known(value) ? grouped(Number(value), digits) : DASH);
export const tone = (value) => (!known(value) || Number(value) === 0 ? "" : Number(value) > 0 ? "up" : "down");

export function bytes(value) {
  if (!known(value)) return DASH;
  return value >= 1e9 ? `${grouped(value / 1e9, 1)} GB` : `${grouped(value / 1e6, 0)} MB`;
}

const pad = (value, digits = 2) => String(value).padStart(digits, "0");
export const ms = (ns) => Number(ns) / 1e6;

export function clock(ns, { millis = false } = {}) {
  if (!ns) return DASH;
  const at = new Date(ms(ns));
  const base = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
  return `${base}${millis ? `.${pad(at.getUTCMilliseconds(), 3)}` : ""}Z`;
}

export function moment(ns, options) {
  if (!ns) return DASH;
  const at = new Date(ms(ns));
  return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())} ${clock(ns, options)}`;
}

export function duration(milliseconds) {
  if (!Number.isFinite(milliseconds)) return DASH;
  if (milliseconds < 1) return `${grouped(milliseconds * 1000, 0)} µs`;
  if (milliseconds < 1000) return `${grouped(milliseconds, milliseconds < 10 ? 1 : 0)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${grouped(seconds, 1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(Math.floor(seconds % 60))} s`;
  if (seconds >= 172800) return `${grouped(seconds / 86400, 1)} days`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
}

// The value of a limit in its own unit.
const PLAIN = { price_collar: (value) => percent(value), leverage: (value) => `${fixed(value, 2)} x`, consecutive_losses: count, trades: count, orders_per_second: count, orders_per_minute: count, order_quantity: (value) => exact(+value.toPrecision(12)), position_quantity: (value) => exact(+value.toPrecision(12)), duration: (value) => duration(value * 1000) };
export const amountOf = (rule, value, currency) => (PLAIN[rule] ?? ((each) => money(each, currency)))(value);

export const words = (name) => String(name ?? DASH).replaceAll("_", " ");
export const symbol = (key) => String(key ?? DASH);
