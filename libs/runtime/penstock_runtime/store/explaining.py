"""Why an order was sent, and what became of it: everything that the database knows of that moment.

All that is read is one state of the database. The answer names times in ns of event time; the wall times at
which the log took each message are the log's, which a caller may add (`Explanation.sequences`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries.queries import answered

BASIS_POINTS = Decimal(10_000)
LEVELS = 5
_BOOK_ROWS_MAX = 200_000

Values = dict[str, Any]


class NotKnown(RuntimeFailure):
    """No order and no signal has this id."""


@dataclass(slots=True)
class Costs:
    """What the fills cost against the arrival price, in the currency that the instrument settles in.

    Positive is against us. `delay` is what the price moved between the strategy's decision and risk's
    approval, `slippage` between that and the fills; the shortfall is both and the fees.
    """

    currency: str
    arrival_price: Decimal
    average_price: Decimal
    slippage_bps: Decimal
    slippage: Decimal
    delay: Decimal | None
    fees: Decimal | None
    fee_currency: str | None
    shortfall: Decimal | None
    """None where the fees are in another currency."""


@dataclass(slots=True)
class Explanation:
    """Everything known of an order, or of a signal that became none. Rows are by column name."""

    session: str
    asked: str
    order: Values | None = None
    orders_of_signal: list[str] = field(default_factory=list)
    signal: Values | None = None
    refusal: Values | None = None
    checks: list[Values] = field(default_factory=list)
    """Every limit that risk held it against: rule, limit, value."""
    market: Values = field(default_factory=dict)
    """The last trade, quote, bar and book known at the decision."""
    features: list[Values] = field(default_factory=list)
    positions: list[Values] = field(default_factory=list)
    """Of strategy and instrument: before the decision, and after each fill."""
    account: Values | None = None
    events: list[Values] = field(default_factory=list)
    fills: list[Values] = field(default_factory=list)
    costs: Costs | None = None
    stages: list[Values] = field(default_factory=list)
    """What happened when: name, ts (event time, ns), after_ms since the decision, sequence in the log."""

    @property
    def sequences(self) -> list[int]:
        """Places in the log of what happened to it."""
        return sorted({each["sequence"] for each in self.stages if each["sequence"]})


async def explain(pool: Pool, identity: str, session: str | None = None) -> Explanation:
    """Explain an order (by its id or client order id) or a signal. NotKnown, or Unavailable."""
    async with (
        answered(),
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await _Explainer(connection, identity).explain(session)


class _Explainer:
    def __init__(self, connection: Any, identity: str) -> None:
        self._connection = connection
        self._identity = identity

    async def explain(self, session: str | None) -> Explanation:
        found = await self._find(session)
        order, signal = found.order, found.signal
        decided = order or signal
        assert decided is not None
        await self._decision(found, decided["strategy"], decided["instrument"], decided["ts"])
        if order is not None:
            found.checks = json.loads(order.pop("checks"))
            key = (found.session, order["order_id"])
            found.events = await self._all("order_events", "order_id = $2 ORDER BY number", *key)
            found.fills = await self._all("fills", "order_id = $2 ORDER BY number", *key)
            ids = [each["fill_id"] for each in found.fills]
            found.positions += await self._all(
                "positions", _POSITIONS_AFTER, found.session, order["strategy"], order["instrument"],
                order["ts"], ids,
            )  # fmt: skip
            found.costs = await self._costs(found, order)
        found.stages = _stages(found)
        return found

    async def _find(self, session: str | None) -> Explanation:
        sessions = [session] if session else await self._sessions()
        for column in ("order_id", "client_order_id"):
            order = await self._one(
                "orders", f"session = ANY($1) AND {column} = $2", sessions, self._identity
            )
            if order is not None:
                found = Explanation(order["session"], self._identity, order=order)
                found.signal = await self._signal([order["session"]], order["signal_id"])
                return found
        found_signal = await self._signal(sessions, self._identity)
        if found_signal is None:
            where = f"session {session}" if session else "any session"
            raise NotKnown(f"no order and no signal {self._identity} in {where}")
        return await self._of_signal(found_signal)

    async def _of_signal(self, signal: Values) -> Explanation:
        found = Explanation(signal["session"], self._identity, signal=signal)
        key = (found.session, self._identity)
        orders = await self._all("orders", "signal_id = $2 ORDER BY ordinal", *key)
        found.orders_of_signal = [each["order_id"] for each in orders]
        found.order = orders[0] if orders else None
        found.refusal = await self._one("refusals", "session = $1 AND signal_id = $2", *key)
        return found

    async def _sessions(self) -> list[str]:
        rows = await self._connection.fetch("SELECT session FROM sessions ORDER BY started_at DESC")
        return [row["session"] for row in rows]

    async def _signal(self, sessions: list[str], signal_id: str) -> Values | None:
        signal = await self._one("signals", "session = ANY($1) AND signal_id = $2", sessions, signal_id)
        if signal is not None:
            signal["metadata"], signal["style"] = json.loads(signal["metadata"]), json.loads(signal["style"])
        return signal

    async def _decision(self, found: Explanation, strategy: str, instrument: str, ts: int) -> None:
        """What was known when it was decided."""
        at = (found.session, instrument, ts)
        newest = "session = $1 AND instrument = $2 AND ts <= $3 ORDER BY ts DESC LIMIT 1"
        for name, table in (("trade", "trades"), ("quote", "quotes")):
            found.market[name] = await self._one(table, newest, *at)
        intervals = await self._connection.fetch(_INTERVALS, instrument)
        shortest = intervals[0]["interval"] if intervals else 0
        found.market["bar"] = await self._one(
            "bars",
            "session = $1 AND instrument = $2 AND ts <= $3 AND interval = $4 ORDER BY ts DESC LIMIT 1",
            *at,
            shortest,
        )
        found.market["book"] = await self._book(*at)
        ref = found.signal["features_ref"] if found.signal else ""
        found.features = await self._features(found.session, instrument, ref, ts)
        owner = (found.session, strategy, instrument, ts)
        before = await self._one(
            "positions",
            "session = $1 AND strategy = $2 AND instrument = $3 AND ts <= $4"
            " ORDER BY ts DESC, sequence DESC LIMIT 1",
            *owner,
        )
        found.positions = [before] if before else []
        found.account = await self._one(
            "pnl",
            "session = $1 AND strategy IS NULL AND ts <= $2 ORDER BY ts DESC, sequence DESC LIMIT 1",
            found.session,
            ts,
        )

    async def _features(self, session: str, instrument: str, ref: str, ts: int) -> list[Values]:
        """The row that the strategy decided on; where it does not say, the last ones before."""
        decided_on = ref.rpartition("/")[2]
        at = int(decided_on) if decided_on.isdigit() else None
        condition = "session = $1 AND instrument = $2 AND ts "
        rows = await self._all(
            "features",
            condition + ("= $3" if at is not None else "<= $3 ORDER BY ts DESC LIMIT 1"),
            session,
            instrument,
            ts if at is None else at,
        )
        for row in rows:
            row["values"] = dict(zip(row.pop("names"), row["values"], strict=True))
        return rows

    async def _book(self, session: str, instrument: str, ts: int) -> Values | None:
        rows = await self._connection.fetch(_BOOK, session, instrument, ts, _BOOK_ROWS_MAX, LEVELS)
        if not rows:
            return None
        sides: Values = {"bid": [], "ask": []}
        for row in rows:
            sides[row["side"]].append([row["price"], row["size"]])
        return sides

    async def _costs(self, found: Explanation, order: Mapping[str, Any]) -> Costs | None:
        average = order["average_price"]
        if average is None:
            return None
        row = await self._one(
            "instruments",
            "session = $1 AND instrument = $2 AND ts <= $3 ORDER BY ts DESC, sequence DESC LIMIT 1",
            found.session,
            order["instrument"],
            order["ts"],
        )
        definition = json.loads(row["definition"]) if row else {}
        return costs_of(order, definition, found.signal["price"] if found.signal else None)

    async def _one(self, table: str, condition: str, *values: object) -> Values | None:
        row = await self._connection.fetchrow(f"SELECT * FROM {table} WHERE {condition}", *values)  # noqa: S608
        return dict(row) if row is not None else None

    async def _all(self, table: str, condition: str, *values: object) -> list[Values]:
        rows: list[asyncpg.Record] = await self._connection.fetch(
            f"SELECT * FROM {table} WHERE session = $1 AND {condition}",  # noqa: S608
            *values,
        )
        return [dict(row) for row in rows]


def costs_of(order: Mapping[str, Any], definition: Mapping[str, Any], decided: Decimal | None) -> Costs:
    """The costs of what an order has filled; `decided` is the price that its signal was decided on."""
    multiplier = Decimal(str(definition.get("multiplier", 1)))
    quantity, average = order["quantity_filled"], order["average_price"]
    arrival: Decimal = order["reference_price"]
    sign = 1 if order["side"] == "buy" else -1

    def cost(began: Decimal, ended: Decimal) -> Decimal:
        moved = 1 / began - 1 / ended if definition.get("inverse") else ended - began
        return Decimal(sign * quantity * multiplier * moved)

    currency = str(definition.get("settlement", ""))
    slippage = cost(arrival, average)
    delay = cost(decided, arrival) if decided is not None and order["reason"] == "signal" else None
    fees = order["fees"]
    comparable = fees is not None and order["fee_currency"] == currency
    return Costs(
        currency=currency,
        arrival_price=arrival,
        average_price=average,
        slippage_bps=sign * (average - arrival) / arrival * BASIS_POINTS,
        slippage=slippage,
        delay=delay,
        fees=fees,
        fee_currency=order["fee_currency"],
        shortfall=slippage + (delay or 0) + fees if comparable else None,
    )


def _stages(found: Explanation) -> list[Values]:
    signal, order = found.signal, found.order
    told: list[tuple[str, int, int]] = []
    if signal is not None:
        told.append((f"signal: {signal['side']} decided", signal["ts"], signal["sequence"]))
    if found.refusal is not None:
        told.append((f"refused: {found.refusal['rule']}", found.refusal["ts"], found.refusal["sequence"]))
    if order is not None:
        told.append(("approved by risk", order["ts"], order["sequence"]))
    told += [(each["to_state"], each["ts"], each["sequence"]) for each in found.events]
    told += [("fill known to us", each["ts_known"], 0) for each in found.fills]
    told.sort(key=lambda each: each[1])
    began = told[0][1] if told else 0
    return [
        {"name": name, "ts": ts, "after_ms": (ts - began) / 1e6, "sequence": sequence}
        for name, ts, sequence in told
    ]


_POSITIONS_AFTER = (
    "strategy = $2 AND instrument = $3 AND ts >= $4 AND fill_id = ANY($5) ORDER BY ts, sequence"
)
_INTERVALS = "SELECT interval FROM bars WHERE instrument = $1 ORDER BY interval LIMIT 1"
# The levels as they were: from the last snapshot on, the last word on each price.
_BOOK = """
WITH began AS (
    SELECT ts FROM book_changes
    WHERE session = $1 AND instrument = $2 AND ts <= $3 AND action LIKE 'clear%' ORDER BY ts DESC LIMIT 1
), changes AS (
    SELECT side, price, size, ts, last_update_id, row_number() OVER (PARTITION BY side, price
        ORDER BY ts DESC, last_update_id DESC) AS age
    FROM (
        SELECT * FROM book_changes
        WHERE session = $1 AND instrument = $2 AND ts <= $3 AND ts >= (SELECT ts FROM began)
        ORDER BY ts DESC LIMIT $4
    ) AS recent
), levels AS (
    SELECT side, price, size, row_number() OVER (PARTITION BY side
        ORDER BY CASE WHEN side = 'bid' THEN -price ELSE price END) AS level
    FROM changes WHERE age = 1 AND size > 0
)
SELECT side, price, size FROM levels WHERE level <= $5 ORDER BY side, level
"""
