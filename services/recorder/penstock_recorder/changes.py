"""What one transaction of the recorder writes."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Record = tuple[Any, ...]
ZERO = Decimal(0)


@dataclass(slots=True)
class OrderStep:
    """One step of an order: an event, and what it adds to the order."""

    session: str
    order_id: str
    number: int
    ts: int
    sequence: int
    to_state: str
    from_state: str | None = None
    """None: whatever state the order was in."""
    reason: str = ""
    routed_at: int | None = None
    venue_order_id: str | None = None
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    fee: Decimal = ZERO
    fee_currency: str | None = None


@dataclass(slots=True)
class Changes:
    """Rows to add, and what changes in rows that are there."""

    binary: dict[str, tuple[tuple[str, ...], list[bytes]]] = field(default_factory=dict)
    records: dict[str, tuple[tuple[str, ...], list[Record]]] = field(default_factory=dict)
    outcomes: list[Record] = field(default_factory=list)
    steps: list[OrderStep] = field(default_factory=list)
    endings: list[Record] = field(default_factory=list)

    rows: int = 0
    """Rows to add."""

    def add_binary(self, table: str, columns: tuple[str, ...], data: bytes, rows: int) -> None:
        """Add rows in the binary COPY format."""
        self.rows += rows
        self.binary.setdefault(table, (columns, []))[1].append(data)

    def take_binary(self, other: "Changes") -> None:
        """Add the rows that another has in the binary COPY format."""
        self.rows += other.rows
        for table, (columns, chunks) in other.binary.items():
            self.binary.setdefault(table, (columns, []))[1].extend(chunks)

    def add_record(self, table: str, columns: tuple[str, ...], record: Record) -> None:
        """Add one row."""
        self.rows += 1
        self.records.setdefault(table, (columns, []))[1].append(record)
