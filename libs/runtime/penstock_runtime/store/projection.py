"""Writing the projection: COPY for what is only added, set statements for orders and outcomes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import asyncpg

from penstock_runtime import failpoints
from penstock_runtime.errors import Halt
from penstock_runtime.store.cursors import CursorKey, StoredCursor, move_cursor
from penstock_runtime.store.pool import Connection

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"

Record = tuple[Any, ...]


class OrderStep(Protocol):
    """One step of an order, as it is told by the venue: an event, and what it adds to the order."""

    @property
    def session(self) -> str: ...
    @property
    def order_id(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def ts(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def from_state(self) -> str | None: ...
    @property
    def to_state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def routed_at(self) -> int | None: ...
    @property
    def venue_order_id(self) -> str | None: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def fee(self) -> Decimal: ...
    @property
    def fee_currency(self) -> str | None: ...


class Changes(Protocol):
    """What one transaction writes, in this order."""

    @property
    def binary(self) -> Mapping[str, tuple[Sequence[str], Sequence[bytes]]]:
        """By table: columns, and rows in the binary COPY format without header and trailer."""

    @property
    def records(self) -> Mapping[str, tuple[Sequence[str], Sequence[Record]]]:
        """By table: columns, and rows as tuples."""

    @property
    def outcomes(self) -> Sequence[Record]:
        """(session, signal_id, outcome, reason, superseded_by)."""

    @property
    def steps(self) -> Sequence[OrderStep]:
        """What happened to orders, in log order."""

    @property
    def endings(self) -> Sequence[Record]:
        """(session, ended_at, stop_reason, outputs)."""


async def commit(
    connection: Connection, changes: Changes, key: CursorKey, before: int | None, after: StoredCursor
) -> None:
    """Write the changes and move the cursor, all or nothing.

    Raises CursorMoved when the cursor is not at `before`, Halt when the database refuses a row: the log
    then says something that cannot be, such as the same fill twice.
    """
    try:
        async with connection.transaction():
            # Without waiting for the disk: rows and cursor are lost together, and are then written again.
            await connection.execute("SET LOCAL synchronous_commit TO off")
            # The cursor first: its row lock makes a second recorder wait here, and then find it moved.
            await move_cursor(connection, key, before, after)
            await _write(connection, changes)
            failpoints.hit("before_commit")
        failpoints.hit("after_commit")
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, OverflowError) as error:
        place = f"({before}, {after.sequence}]"
        raise Halt(f"the database refuses what the log holds in {place}: {error}") from error


async def _write(connection: Connection, changes: Changes) -> None:
    for table, (columns, chunks) in changes.binary.items():
        await connection.copy_to_table(table, source=_stream(chunks), columns=columns, format="binary")
    for table, (columns, records) in changes.records.items():
        await connection.copy_records_to_table(table, records=records, columns=columns)
    if changes.outcomes:
        await connection.execute(_OUTCOMES, *_columns(changes.outcomes))
    if changes.steps:
        await _write_steps(connection, changes.steps)
    if changes.endings:
        await connection.execute(_ENDINGS, *_columns(changes.endings))


async def _stream(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield COPY_HEADER
    for chunk in chunks:
        yield chunk
    yield COPY_TRAILER


def _columns(records: Sequence[Record]) -> list[list[Any]]:
    return [list(column) for column in zip(*records, strict=True)]


async def _write_steps(connection: Connection, steps: Sequence[OrderStep]) -> None:
    rows = [tuple(getattr(step, name) for name in _EVENT_FIELDS) for step in steps]
    await connection.execute(_ORDER_EVENTS, *_columns(rows))
    sums = [tuple(getattr(step, name) for name in _ORDER_FIELDS) for step in steps]
    await connection.execute(_ORDERS, *_columns(sums))


_OUTCOMES = """
UPDATE signals
SET outcome = o.outcome, reason = o.reason, superseded_by = o.superseded_by
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS o (session, signal_id, outcome, reason, superseded_by)
WHERE signals.session = o.session AND signals.signal_id = o.signal_id
"""

_ENDINGS = """
UPDATE sessions
SET ended_at = e.ended_at, stop_reason = e.stop_reason, outputs = e.outputs
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::json[]) AS e (session, ended_at, stop_reason, outputs)
WHERE sessions.session = e.session
"""

_EVENT_FIELDS = ("session", "order_id", "number", "ts", "sequence", "from_state", "to_state", "reason")

# The state before a step is the one that the step before it led to, or the order's own. An order that
# is not there leaves it NULL, which the table refuses: no event is lost in silence.
_ORDER_EVENTS = """
INSERT INTO order_events (session, order_id, number, ts, sequence, from_state, to_state, reason)
SELECT s.session, s.order_id, s.number, s.ts, s.sequence,
    COALESCE(
        s.from_state,
        lag(s.to_state) OVER (PARTITION BY s.session, s.order_id ORDER BY s.number),
        orders.status
    ),
    s.to_state, s.reason
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[]
) AS s (session, order_id, number, ts, sequence, from_state, to_state, reason)
LEFT JOIN orders ON orders.session = s.session AND orders.order_id = s.order_id
"""

_ORDER_FIELDS = (
    "session", "order_id", "number", "ts", "to_state", "routed_at", "venue_order_id", "quantity", "price",
    "fee", "fee_currency",
)  # fmt: skip

_ORDERS = """
UPDATE orders
SET status = s.status,
    changed_at = s.changed_at,
    routed_at = COALESCE(s.routed_at, orders.routed_at),
    venue_order_id = COALESCE(s.venue_order_id, orders.venue_order_id),
    quantity_filled = orders.quantity_filled + s.quantity,
    value_filled = orders.value_filled + s.value,
    fees = CASE
        WHEN s.fee_currencies > 1 OR s.fee_currency <> orders.fee_currency THEN NULL
        ELSE orders.fees + s.fee
    END,
    fee_currency = COALESCE(orders.fee_currency, s.fee_currency)
FROM (
    SELECT session, order_id,
        (array_agg(state ORDER BY number DESC))[1] AS status,
        (array_agg(ts ORDER BY number DESC))[1] AS changed_at,
        max(routed_at) AS routed_at,
        max(venue_order_id) AS venue_order_id,
        sum(quantity) AS quantity,
        sum(price * quantity) AS value,
        sum(fee) AS fee,
        min(fee_currency) AS fee_currency,
        count(DISTINCT fee_currency) AS fee_currencies
    FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[],
        $8::numeric[], $9::numeric[], $10::numeric[], $11::text[]
    ) AS u (
        session, order_id, number, ts, state, routed_at, venue_order_id, quantity, price, fee, fee_currency
    )
    GROUP BY session, order_id
) AS s
WHERE orders.session = s.session AND orders.order_id = s.order_id
"""
