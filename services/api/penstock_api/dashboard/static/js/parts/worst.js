// What an order could make of each limit at worst. A reckoning for the eye: risk decides, with exact amounts.

const number = (value) => Number(value ?? 0);
const known = (value) => value !== null && value !== undefined && value !== "";

// The price that the limits count with: its own limit, or the market's at the collar's far end.
export function worstPrice(order, price, collar) {
  if (known(order.limit_price)) return number(order.limit_price);
  const at = number(known(order.stop_price) ? order.stop_price : price);
  return at * (order.side === "buy" ? 1 + number(collar) : 1 - number(collar));
}

export function notional(definition, quantity, price) {
  const worth = definition.inverse ? number(definition.multiplier) / price : number(definition.multiplier) * price;
  return Math.abs(number(quantity) * worth);
}

// Rows of { rule, scope, now, after, allowed }; `after` is what it can become at most. Null: it cannot be told.
export function reckon({ order, definition, price, risk, settings, held = 0, rate, replaced = null }) {
  const gross = risk.limits.find((each) => each.rule === "gross_exposure" && each.scope === "account");
  const own = settings.instrument_limits?.[order.instrument] ?? (settings.unlisted_instruments === "refuse" ? null : settings);
  if (!gross || !own || !known(rate) || !known(price)) return null;
  const capital = number(gross.limit) / number(settings.gross_exposure_fraction_max);
  const quantity = number(order.quantity);
  const size = notional(definition, quantity, worstPrice(order, price, settings.price_collar)) * number(rate);
  const before = replaced ? notional(definition, replaced.quantity, worstPrice(replaced, price, settings.price_collar)) * number(rate) : 0;
  const signed = order.side === "buy" ? quantity : -quantity;
  const reduces = held * signed < 0 && Math.abs(signed) <= Math.abs(held);
  const more = reduces ? 0 : Math.max(0, size - before);
  const moreUnits = reduces ? 0 : Math.max(0, quantity - number(replaced?.quantity));
  const used = (rule, scope) => number(risk.limits.find((each) => each.rule === rule && each.scope === scope)?.value);
  const leverage = risk.limits.find((each) => each.rule === "leverage");
  const strategy = order.strategy ?? "manual", both = `${strategy} ${order.instrument}`;
  const share = number(order.capital_fraction ?? 1);
  const row = (rule, scope, added, allowed) => ({ rule, scope, now: used(rule, scope), after: used(rule, scope) + added, allowed: number(allowed) });
  const rows = [
    { rule: "order_quantity", scope: "this order", now: 0, after: quantity, allowed: number(own.order_quantity_max) },
    { rule: "order_notional", scope: "this order", now: 0, after: size, allowed: number(own.order_notional_fraction_max) * capital },
    row("position_quantity", both, moreUnits, own.position_quantity_max),
    row("position_notional", both, more, number(own.position_notional_fraction_max) * capital),
    row("instrument_exposure", order.instrument, more, number(own.instrument_exposure_fraction_max) * capital),
    row("strategy_exposure", strategy, more, number(settings.strategy_exposure_fraction_max) * capital * share),
    row("gross_exposure", "account", more, gross.limit),
    row("net_exposure", "account", more, number(settings.net_exposure_fraction_max) * capital),
  ];
  if (known(order.limit_price)) {
    const distance = Math.abs(number(order.limit_price) - number(price)) / number(price);
    rows.unshift({ rule: "price_collar", scope: "this order", now: 0, after: distance, allowed: number(settings.price_collar) });
  }
  if (leverage && number(leverage.value)) rows.push(row("leverage", "account", (more * number(leverage.value)) / (number(gross.value) || 1), leverage.limit));
  // What only reduces passes the rules on one order.
  return { rows: reduces ? rows.filter((each) => !each.rule.startsWith("order_")) : rows, size, reduces, worst: worstPrice(order, price, settings.price_collar) };
}
