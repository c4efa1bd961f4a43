// The shell: navigation, what stands above every page, the connection, halt and resume, keyboard, theme.

import { attribute, classes, h, replace, text } from "./dom.js";
import { clock, exact, money, moment, percent, tone } from "./format.js";
import { recolour } from "./parts/chart.js";
import { dialog, flatten, halt, help, resume } from "./parts/dialogs.js";
import { placeOrder } from "./parts/ordering.js";
import * as health from "./pages/health.js";
import * as market from "./pages/market.js";
import * as orders from "./pages/orders.js";
import * as overview from "./pages/overview.js";
import * as positions from "./pages/positions.js";
import * as risk from "./pages/risk.js";
import * as sessions from "./pages/sessions.js";
import * as strategies from "./pages/strategies.js";
import { signIn, whoAmI } from "./rest.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";

const PAGES = { overview, market, positions, strategies, orders, risk, health, sessions };
const ROLES = ["viewer", "operator", "risk_admin"];
const by = (id) => document.getElementById(id);
const kept = (name, value) => {
  try {
    return value === undefined ? localStorage.getItem(`penstock.${name}`) : localStorage.setItem(`penstock.${name}`, value);
  } catch {
    return null; // a private window keeps nothing
  }
};

const store = new Store();
let page = null, wanted = false, role = "risk_admin", signing = null, keys = kept("keys") !== "off";

const stream = new Stream(store, { told: connection, drawn: soon, refused: whoIsThis });

// --- what stands above every page

const facts = {};
for (const [name, extra] of [["Trading", ""], ["Equity", ""], ["PnL today", ""], ["Gross exposure", "wide"], ["Position", "extra"]]) {
  facts[name] = name === "Trading" ? h("span.badge.large", {}, "…") : h("span.value", {}, "–");
  by("facts").append(name === "Trading" ? facts[name] : h("div.fact", { class: extra }, h("span.label", {}, name), facts[name]));
}
const part = h("a.badge.fair", { href: "#/risk", hidden: true });
facts.Trading.after(part);
const link = h("span.badge", { role: "status" }, h("span.dot"), h("span", {}, "connecting"));
const theme = h("button", { type: "button", onclick: switchTheme });
const go = h("button.danger", { type: "button", onclick: () => (store.trading.state === "active" || store.trading.state === null ? halt() : steer()) }, "Halt");
by("tools").append(link, theme, go);

function steer() {
  dialog("Trading is " + store.trading.state, [
    h("p", {}, store.trading.reason ? `Because: ${store.trading.reason}` : ""),
    h("div.actions", {},
      store.trading.state === "reducing" ? h("button.danger", { type: "button", onclick: (event) => (event.target.closest("dialog").close(), halt()) }, "Halt") : null,
      h("button", { type: "button", disabled: !can("operator"), onclick: (event) => (event.target.closest("dialog").close(), flatten()) }, "Flatten…"),
      h("button.primary", { type: "button", disabled: !can("risk_admin"), onclick: (event) => (event.target.closest("dialog").close(), resume()) }, "Resume…")),
  ]);
}

function top() {
  const now = store.money, day = store.day, exposure = store.exposure, currency = now?.currency ?? "";
  const state = store.session?.ended_at ? "ended" : store.trading.state;
  classes(facts.Trading, `badge large ${{ active: "good", reducing: "fair", halted: "bad" }[state] ?? ""}`.trim());
  text(facts.Trading, (state ?? "starting").toUpperCase());
  part.hidden = !store.trading.holds.length;
  text(part, `${store.trading.holds.length} held apart`);
  text(facts.Equity, money(now?.equity, currency, { unit: true }));
  text(facts["PnL today"], day ? `${money(day.pnl, currency, { signed: true })} (${percent(day.share)})` : "–");
  classes(facts["PnL today"], `value ${tone(day?.pnl)}`.trim());
  text(facts["Gross exposure"], money(exposure?.gross, currency));
  const open = store.open;
  text(facts.Position, open.length === 0 ? "flat" : open.length === 1 ? `${exact(open[0].quantity, { signed: true })} ${open[0].instrument}` : `${open.length} positions`);
  const steered = state === "halted" || state === "reducing";
  text(go, steered ? "Resume / flatten" : "Halt");
  classes(go, steered ? "primary" : "danger");
  go.disabled = !can("operator") || state === "ended";
  text(by("asof"), store.session ? `Session ${store.session.session_id} · event time ${moment(store.mark)} · sequence ${stream.sequence ?? "–"}` : "–");
  document.title = `${{ active: "●", halted: "■", reducing: "◆" }[state] ?? "○"} ${money(now?.equity, currency)} · Penstock`;
  counts();
}

function counts() {
  const shown = { positions: store.open.length, orders: store.working.length, risk: store.metrics?.signals.refused ?? 0, health: store.metrics?.services.filter((each) => each.silent_s > 5 || each.error).length ?? 0 };
  for (const [name, many] of Object.entries(shown)) {
    const badge = by(`count-${name}`);
    badge.hidden = !many;
    classes(badge, `count ${name === "health" ? "bad" : ""}`.trim());
    text(badge, many);
  }
}

function connection(status) {
  const says = { connecting: "connecting", live: "live", catching: "catching up", stale: "stale", lost: "disconnected" }[status];
  classes(link, `badge ${{ live: "good", lost: "bad", stale: "bad" }[status] ?? "fair"}`);
  text(link.lastChild, says);
  document.body.dataset.connection = status;
  notice();
}

function notice() {
  const since = stream.lostAt === null ? "" : ` since ${clock(stream.lostAt * 1e6)}`;
  const says = {
    lost: `Disconnected${since}: what you see is old. Trying again by itself. To halt without this page: penstock halt, or the kill file.`,
    stale: `Nothing was heard${since}: what you see may be old.`,
    catching: "The api reads the log from the session's beginning; figures come when it is through.",
  }[stream.status];
  by("notice").hidden = !says;
  classes(by("notice"), `notice ${stream.status === "catching" ? "" : "bad"}`.trim());
  text(by("notice"), says ?? "");
}

// --- pages

function build() {
  replace(by("pages"), h("ul", {}, Object.entries(PAGES).map(([name, each]) => h("li", {}, h("a", { href: `#/${name}`, id: `to-${name}` }, each.title, h("span.count", { id: `count-${name}`, hidden: true }))))));
}

function route() {
  const [name, rest] = location.hash.replace(/^#\//, "").split("/");
  const chosen = PAGES[name] ? name : "overview";
  page?.destroy();
  const root = by("page");
  root.textContent = "";
  for (const each of Object.keys(PAGES)) attribute(by(`to-${each}`), "aria-current", each === chosen ? "page" : null);
  page = PAGES[chosen].mount(root, {
    store, stream, can, chosen: rest ? decodeURIComponent(rest) : null,
    choose: (value) => { location.hash = `#/${chosen}/${encodeURIComponent(value)}`; },
  });
  root.dataset.page = chosen;
  draw();
}

// Drawn when something happened: at once, and then for at most half of the time; what is only measured can wait.
const LEAST_MS = 30, TOOK_MS = 60, MEASURED_MS = 200;
let drawnAt = -Infinity, took = 0, timer = null, dueAt = Infinity;
function soon(happened = false) {
  if (wanted) return;
  const least = happened ? LEAST_MS : MEASURED_MS;
  const at = Math.max(performance.now(), drawnAt + Math.max(least, took));
  if (at >= dueAt) return;
  clearTimeout(timer);
  dueAt = at;
  const wait = at - performance.now();
  if (wait < 1) frame();
  else timer = setTimeout(frame, wait);
}

function frame() {
  wanted = true;
  dueAt = Infinity;
  requestAnimationFrame(() => {
    const began = performance.now();
    wanted = false;
    draw();
    setTimeout(() => { took = Math.min(TOOK_MS, performance.now() - began); }); // with layout and paint
  });
}

function draw() {
  if (stream.missing.size) return; // snapshots are on their way: not half of them
  top();
  page?.update();
  document.body.dataset.sequence = stream.sequence ?? "";
  drawnAt = performance.now();
}

// --- who is this

function can(needed) {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

function become(found) {
  if (!found || found === role) return;
  role = found;
  route(); // what may be done has changed, on every row
}

async function whoIsThis() {
  try {
    become((await whoAmI())?.role);
  } catch (problem) {
    if (problem.status === 401) askToken();
  }
}

function askToken() {
  if (signing?.open) return;
  const token = h("input", { type: "password", autocomplete: "current-password", required: true });
  const says = h("div", { role: "status" });
  const form = h("form", {}, h("div.stack", {}, h("p", {}, "This session asks who you are. A token is made with ", h("code", {}, "penstock token add NAME --role viewer"), "."), h("label", {}, "Token", token), says, h("div.actions", {}, h("button.primary", { type: "submit" }, "Sign in"))));
  signing = dialog("Sign in", form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      become((await signIn(token.value))?.role);
      signing.close();
      stream.connect();
    } catch (problem) {
      replace(says, h("div.outcome.bad", {}, problem.message));
    }
  };
  token.focus();
}

// --- theme and keyboard

function applyTheme() {
  const chosen = kept("theme") ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  document.documentElement.dataset.theme = chosen;
  text(theme, chosen === "light" ? "Dark" : "Light");
  attribute(theme, "aria-label", `Switch to ${chosen === "light" ? "dark" : "light"} colours`);
  recolour();
}

function switchTheme() {
  kept("theme", document.documentElement.dataset.theme === "light" ? "dark" : "light");
  applyTheme();
}

function keyboard(event) {
  if (!keys || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || event.target.closest("input, select, textarea")) return;
  const at = Number(event.key) - 1;
  const name = Object.keys(PAGES)[at];
  if (name) location.hash = `#/${name}`;
  else if (event.key === "h") go.click();
  else if (event.key === "o") { if (can("operator")) placeOrder(store); }
  else if (event.key === "t") switchTheme();
  else if (event.key === "?") shortcuts();
  else return;
  event.preventDefault();
}

function shortcuts() {
  const box = h("input", { type: "checkbox", checked: keys, onchange: () => { keys = box.checked; kept("keys", keys ? "on" : "off"); } });
  help([...Object.values(PAGES).map((each, index) => [String(index + 1), each.title]), ["h", "Halt; when halted, resume or flatten"], ["o", "Place an order"], ["t", "Dark or light"], ["?", "This list"], ["Esc", "Close a dialog"]], h("label.row", {}, h("span", {}, box, " keys work outside of dialogs")));
}

by("tools").insertBefore(h("button.wide", { type: "button", "aria-label": "Keyboard shortcuts", onclick: shortcuts }, "?"), theme);
applyTheme();
matchMedia("(prefers-color-scheme: light)").addEventListener("change", applyTheme);
addEventListener("hashchange", route);
addEventListener("keydown", keyboard);
setInterval(() => { notice(); soon(); }, 1000);
build();
route();
connection("connecting");
whoIsThis();
stream.begin();
