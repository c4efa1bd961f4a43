// Positions at the last prices, and balances.

import { attribute, card, h, text } from "../dom.js";
import { average, clock, exact, money, tone } from "../format.js";
import { ask } from "../parts/dialogs.js";
import { Table } from "../parts/table.js";

export const title = "Positions";

export function mount(root, { store, can }) {
  let flat = false;
  const toggle = h("button", { type: "button", "aria-pressed": "false", onclick: () => { flat = !flat; toggle.setAttribute("aria-pressed", String(flat)); update(); } }, "Show closed");
  const sum = h("span.quiet");
  const close = (each) => ask({
    title: "Close a position", action: "Close at market", danger: true, path: "/close", body: { instrument: each.instrument, strategy: each.strategy },
    says: `Cancels what ${each.strategy} has working in ${each.instrument} and closes its ${exact(each.quantity, { signed: true })} at market. The rest trades on.`,
  });
  const table = new Table("Positions", [
    { title: "Instrument", value: (each) => each.instrument },
    { title: "Strategy", value: (each) => each.strategy },
    { title: "Side", value: (each) => (Number(each.quantity) > 0 ? "long" : Number(each.quantity) < 0 ? "short" : "flat"), badge: (each) => ({ up: "good", down: "bad" })[tone(each.quantity)] ?? "" },
    { title: "Quantity", number: true, value: (each) => exact(each.quantity, { signed: true }) },
    { title: "Average", number: true, value: (each) => average(each.average_price) },
    { title: "Now", number: true, value: (each) => exact(each.price) },
    { title: "Value", number: true, value: (each) => money(each.notional, each.currency) },
    { title: "Unrealised", number: true, value: (each) => money(each.pnl_unrealized, each.currency, { signed: true }), tone: (each) => tone(each.pnl_unrealized) },
    { title: "Realised", number: true, value: (each) => money(each.pnl_realized, each.currency, { signed: true }), tone: (each) => tone(each.pnl_realized) },
    { title: "Fees", number: true, value: (each) => money(each.fees, each.currency) },
    { title: "Currency", value: (each) => each.currency },
    { title: "Changed", value: (each) => clock(each.ts) },
    { title: "Action", cell: (cell, each) => {
      let button = cell.firstChild;
      if (!button) cell.append((button = h("button.plain", { type: "button" }, "Close")));
      button.onclick = () => close(each);
      attribute(button, "aria-label", `Close ${each.instrument} of ${each.strategy}`);
      attribute(button, "hidden", Number(each.quantity) === 0 ? "" : null);
      attribute(button, "disabled", can("operator") ? null : "");
    } },
  ], { empty: "Flat: no open position.", key: (each) => `${each.strategy} ${each.instrument}` });
  const balances = new Table("Balances", [
    { title: "Venue", value: (each) => each.venue },
    { title: "Currency", value: (each) => each.currency },
    { title: "Total", number: true, value: (each) => exact(each.total) },
    { title: "Available", number: true, value: (each) => exact(each.available) },
    { title: "As of", value: (each) => clock(each.ts) },
  ], { empty: "The venue has told no balance yet.", key: (each) => `${each.venue} ${each.currency}` });
  root.append(h("div.head", {}, h("h1", {}, "Positions"), sum, toggle), h("div.stack", {}, card("Positions", null, table.element), card("Balances", null, balances.element)));

  function update() {
    const rows = flat ? [...store.positions.values()] : store.open;
    table.update(rows);
    balances.update(store.balances);
    const exposure = store.exposure, currency = store.money?.currency ?? "";
    text(sum, exposure ? `gross ${money(exposure.gross, currency)} · net ${money(exposure.net, currency, { signed: true })} ${currency}` : "");
  }
  return { update, destroy() {} };
}
