"""The projection: what each message of the log becomes in the database. Pure.

Not stored, and not even decoded: `done` and `price` (they repeat what other messages say, at every
mark), `claim` (of the log, not of the business), `shadow` (virtual), what features only passes on
(stored once, from md). Of a `mark` only its time is used.
"""

import json

from penstock_contracts.base import Family, Message
from penstock_contracts.control import Session
from penstock_contracts.features import DriftMeasured
from penstock_contracts.market import Mark, RowQuarantined
from penstock_contracts.orders import OrderApproved, SignalRefused, SignalResolved
from penstock_contracts.signals import Note
from penstock_contracts.types import OrderState, Outcome
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted

from penstock_recorder import records
from penstock_recorder.batches import ENCODERS, Batches
from penstock_recorder.changes import Changes, OrderStep

NOT_STORED: frozenset[tuple[Family, str]] = frozenset(
    [
        ("feat", "price"), ("feat", "instrument"), ("feat", "status"), ("feat", "rate"), ("feat", "gap"),
        ("feat", "done"), ("sig", "done"), ("ord", "done"), ("ven", "done"),
        ("ord", "shadow"), ("ctl", "claim"),
    ]
)  # fmt: skip
"""Families and kinds that leave no row."""

_QUARANTINE = ("session", "ts", "sequence", "family", "kind", "reason", "raw")


class Projection:
    """Collects the rows of messages, given in log order, until they are drained for a transaction."""

    def __init__(self, session: str, mark: int = 0) -> None:
        self.session = session
        self.mark = mark
        """Event time of the last mark taken, ns."""
        self._changes = Changes()
        self._batches = Batches()

    def take(self, sequence: int, message: Message) -> None:
        """Turn a message into rows. TypeError for a type of message that has no table."""
        cls = type(message)
        if cls in ENCODERS:
            self._batches.add(self.session, message)
        elif cls is Mark:
            self.mark = message.ts
        elif cls is Session:
            self._session(sequence, message)
        elif cls is RowQuarantined:
            reason = f"{message.reason}: row {message.row} of {message.source}"
            self.quarantine(sequence, "md", "row", reason, message.raw.encode())
        elif cls is SignalResolved:
            self._settle(message.signal_id, message.outcome, None, message.superseded_by)
        elif cls in _STEPS:
            self._step(sequence, message)
        elif cls is DriftMeasured:
            for table, columns, record in records.drift(message, self.session):
                self._changes.add_record(table, columns, record)
        elif cls in records.TABLES:
            self._changes.add_record(*records.row(message, self.session, sequence))
            self._follow(sequence, message)
        else:
            raise TypeError(f"no table for {cls.__name__}")

    def _follow(self, sequence: int, message: Message) -> None:
        """What a message with a row of its own does beside it."""
        match message:
            case OrderApproved(reason="signal"):
                self._settle(message.signal_id, Outcome.APPROVED, None, None)
            case SignalRefused():
                self._settle(message.signal_id, Outcome.REFUSED, message.rule, None)
            case Note() if message.command_id is not None:
                self._changes.add_record(*records.answer(message, self.session, sequence))

    def quarantine(self, sequence: int, family: str, kind: str, reason: str, raw: bytes) -> None:
        """Keep a message that cannot be read, or a source's row that was not believed, as it is."""
        record = (self.session, self.mark, sequence, family, kind, records.text(reason), raw)
        self._changes.add_record("quarantine", _QUARANTINE, record)

    def drain(self) -> Changes:
        """What was collected since the last drain."""
        changes, self._changes = self._changes, Changes()
        self._batches.drain(changes)
        return changes

    def _session(self, sequence: int, message: Session) -> None:
        if message.phase == "genesis":
            self.session = message.session_id
            self._changes.add_record(*records.sessions(message, sequence))
            return
        outputs = json.dumps(message.outputs)
        ending = (message.session_id, message.ts, records.text(message.stop_reason), outputs)
        self._changes.endings.append(ending)

    def _settle(self, signal_id: str, outcome: str, reason: str | None, superseded_by: str | None) -> None:
        self._changes.outcomes.append((self.session, signal_id, outcome, reason, superseded_by))

    def _step(self, sequence: int, message: OrderSubmitted | OrderAccepted | OrderChanged | Fill) -> None:
        step = OrderStep(
            session=self.session,
            order_id=message.order_id,
            number=message.number,
            ts=message.ts,
            sequence=sequence,
            to_state=OrderState.IN_FLIGHT,
        )
        match message:
            case OrderSubmitted():
                step.routed_at = message.ts
            case OrderAccepted():
                step.to_state = OrderState.ACCEPTED
                step.venue_order_id = message.venue_order_id
            case OrderChanged():
                step.from_state, step.to_state = message.from_state, message.to_state
                step.reason = records.text(message.reason)
            case Fill():
                step.to_state = OrderState.PARTIALLY_FILLED if message.quantity_left else OrderState.FILLED
                step.quantity, step.price = message.quantity, message.price
                step.fee, step.fee_currency = message.fee, message.fee_currency
                self._changes.add_record(*records.row(message, self.session, sequence))
        self._changes.steps.append(step)


_STEPS = frozenset({OrderSubmitted, OrderAccepted, OrderChanged, Fill})
