"""I1 to I9 over what a session left: its log, its report, its database. Each gives what contradicts it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from penstock_contracts.orders import (
    OrderApproved,
    PnlSampled,
    PositionChanged,
    SignalRefused,
    SignalResolved,
)
from penstock_contracts.signals import Signal
from penstock_contracts.types import Side
from penstock_contracts.venue import Fill, OrderChanged, OrderSubmitted
from penstock_kernel.fills_hash import fills_hash
from penstock_kernel.topology import STAGES
from penstock_research.chained import run_chained
from penstock_research.report.validate import validate_folder

from faults.evidence import Evidence

SHOWN_MAX = 5


@dataclass(slots=True)
class Verdict:
    """What is wrong with a session."""

    lost: int = 0
    duplicate: int = 0
    divergent: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    """By invariant: what contradicts it, the first few."""

    def add(self, invariant: str, text: str) -> None:
        """Note a contradiction."""
        shown = self.broken.setdefault(invariant, [])
        if len(shown) < SHOWN_MAX:
            shown.append(text)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.duplicate or self.divergent or self.broken)


def i1_fills_make_positions(evidence: Evidence) -> Iterator[str]:
    """The last position of each strategy and instrument is the sum of its fills."""
    sums: dict[tuple[str, str], Decimal] = {}
    for fill in evidence.of(Fill):
        key = (fill.strategy, fill.instrument)
        sums[key] = sums.get(key, Decimal(0)) + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
    told = {(each.strategy, each.instrument): each.quantity for each in evidence.of(PositionChanged)}
    for key in sorted(sums.keys() | told.keys()):
        if sums.get(key, Decimal(0)) != told.get(key, Decimal(0)):
            yield f"{' in '.join(key)}: fills sum to {sums.get(key)}, risk told {told.get(key)}"


def i2_orders_reach_the_venue_once(evidence: Evidence) -> Iterator[str]:
    """No client order id twice, no fill twice."""
    for what, ids in (
        ("client order id", [each.client_order_id for each in evidence.of(OrderSubmitted)]),
        ("order id", [each.order_id for each in evidence.of(OrderSubmitted)]),
        ("approval", [each.order_id for each in evidence.of(OrderApproved)]),
        ("fill id", [each.fill_id for each in evidence.of(Fill)]),
    ):
        yield from (f"{what} {each}: {count} times" for each, count in Counter(ids).items() if count > 1)


def i4_no_hole_in_the_bars(evidence: Evidence) -> Iterator[str]:
    """Bars follow one another at their own distance. (Trades have ids of their own: see I9.)"""
    steps = {later - earlier for earlier, later in zip(evidence.bars, evidence.bars[1:], strict=False)}
    if len(steps) > 1:
        yield f"distances between bars: {sorted(steps)}"


def i5_everything_has_an_outcome(evidence: Evidence) -> Iterator[str]:
    """One outcome per signal; every order ends."""
    outcomes: Counter[str] = Counter()
    approved = {each.signal_id for each in evidence.of(OrderApproved) if each.reason == "signal"}
    outcomes.update(approved)
    outcomes.update(each.signal_id for each in evidence.of(SignalRefused))
    outcomes.update(each.signal_id for each in evidence.of(SignalResolved))
    for signal in evidence.of(Signal):
        if outcomes[signal.signal_id] != 1:
            yield f"signal {signal.signal_id} has {outcomes[signal.signal_id]} outcomes"
    ended = {each.order_id for each in evidence.of(OrderChanged) if each.to_state.terminal}
    ended |= {each.order_id for each in evidence.of(Fill) if each.quantity_left == 0}
    for order in evidence.of(OrderApproved):
        if order.order_id not in ended:
            yield f"order {order.order_id} did not end"


def i6_reserves_return_to_zero(evidence: Evidence) -> Iterator[str]:
    """Never below zero, zero at the end."""
    last = None
    for sample in evidence.of(PnlSampled):
        if sample.reserved < 0:
            yield f"{sample.strategy or 'the account'} at {sample.ts}: {sample.reserved} reserved"
        last = sample if sample.strategy is None else last
    if last is not None and last.reserved != 0:
        yield f"{last.reserved} is reserved at the end"


def i7_orders_have_approvals(evidence: Evidence) -> Iterator[str]:
    """An approval for every order at the venue, given within every limit."""
    approved = {each.order_id for each in evidence.of(OrderApproved)}
    for order in evidence.of(OrderSubmitted):
        if order.order_id not in approved:
            yield f"order {order.order_id} was not approved"
    for order in evidence.of(OrderApproved):
        for check in order.checks:
            if check.value > check.limit:
                yield f"order {order.order_id}: {check.rule} {check.value} above {check.limit}"


LOG_INVARIANTS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "I1": i1_fills_make_positions,
    "I2": i2_orders_reach_the_venue_once,
    "I4": i4_no_hole_in_the_bars,
    "I5": i5_everything_has_an_outcome,
    "I6": i6_reserves_return_to_zero,
    "I7": i7_orders_have_approvals,
}


def check_log(evidence: Evidence, verdict: Verdict) -> None:
    """The invariants over the log, and whether it holds what the stages make of the market data."""
    for name, invariant in LOG_INVARIANTS.items():
        for text in invariant(evidence):
            verdict.add(name, text)
            verdict.duplicate += name == "I2"
    _same_outputs(evidence, verdict)
    _end_counts(evidence, verdict)


def _same_outputs(evidence: Evidence, verdict: Verdict) -> None:
    for producer in STAGES:
        found, expected = evidence.outputs[producer], evidence.expected[producer]
        if len(found) < len(expected):
            verdict.lost += len(expected) - len(found)
            verdict.add("I8", f"{producer}: the log holds {len(found)} outputs of {len(expected)}")
        elif len(found) > len(expected):
            verdict.duplicate += len(found) - len(expected)
            verdict.add("I8", f"{producer}: the log holds {len(found)} outputs, {len(expected)} are due")
        pairs = enumerate(zip(found, expected, strict=False), start=1)
        first = next((number for number, (one, other) in pairs if one != other), None)
        if first is not None:
            verdict.divergent += 1
            verdict.add("I8", f"{producer}: output {first} is another than the chained stages make")


def _end_counts(evidence: Evidence, verdict: Verdict) -> None:
    end = evidence.end
    if end is None:
        verdict.add("I5", "the session has no end")
        return
    for producer in STAGES:
        if end.outputs.get(producer, 0) > len(evidence.outputs[producer]):
            verdict.lost += 1
            verdict.add("I8", f"{producer}: ended with output {end.outputs[producer]}, which nobody took")


def check_acknowledged(delivered: dict[int, str], evidence: Evidence, verdict: Verdict) -> None:
    """What the log delivered once is still there, unchanged."""
    for sequence, digest in delivered.items():
        if evidence.stored.get(sequence) != digest:
            verdict.lost += 1
            verdict.add("I8", f"message {sequence} was delivered, and is gone or another now")


def check_against_undisturbed(evidence: Evidence, verdict: Verdict) -> None:
    """The fills are those of a run without log, services and faults on the same configuration.

    A session that was told to stop is compared up to the interval that brought the command.
    """
    undisturbed = run_chained(evidence.document).fills
    fills = evidence.of(Fill)
    if evidence.stop_mark is not None:
        undisturbed = [each for each in undisturbed if each.ts_known <= evidence.stop_mark]
        fills = [each for each in fills if each.ts_known <= evidence.stop_mark]
    if fills_hash(fills) != fills_hash(undisturbed):
        verdict.divergent += 1
        verdict.add(
            "I8", f"fills_hash of {len(fills)} fills is another than of {len(undisturbed)} undisturbed"
        )


def check_report(folder: Path, verdict: Verdict) -> None:
    """The report proves itself: `penstock validate`."""
    for finding in validate_folder(folder):
        verdict.add(finding.invariant, f"report: {finding.text}")
