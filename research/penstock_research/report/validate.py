"""Proves a report: everything in it is computed again from signals, orders and fills, and compared."""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from penstock_contracts.control import Session
from penstock_contracts.errors import UnreadableMessage
from penstock_kernel.fills_hash import canonical_decimal
from penstock_kernel.session import SessionConfig
from pydantic import ValidationError

from penstock_research.report.audit_money import MoneyAudit, fee_rates, holding
from penstock_research.report.audit_orders import OrderAudit
from penstock_research.report.final import FinalReport, PositionReport, RunFacts, Tally, final_report, utc
from penstock_research.report.findings import Finding, Findings
from penstock_research.report.journal import Event, from_line
from penstock_research.report.manifest import FILES, Manifest, digest

M = TypeVar("M", FinalReport, Manifest)


class UnreadableReport(Exception):
    """A folder that holds no report, or one that is broken; one line says which file and why."""


def validate_folder(folder: Path) -> list[Finding]:
    """Everything that is wrong with the report in a folder. UnreadableReport when it cannot be read."""
    report = _read(folder / "final_report.json", FinalReport)
    manifest = _read(folder / "manifest.json", Manifest)
    hashes = {name: digest(_bytes(folder / name)) for name in FILES}
    return validate(report, _events(folder / "events.jsonl"), manifest, hashes)


def validate(
    report: FinalReport, events: Iterable[Event], manifest: Manifest, hashes: Mapping[str, str]
) -> list[Finding]:
    """The same for a report in memory; `hashes` are those of its files as they are now."""
    findings = Findings()
    session = SessionConfig.model_validate(manifest.config["session"])
    orders = OrderAudit(report.session_id, findings)
    money = MoneyAudit(
        instruments=session.by_key,
        currency=session.currency,
        capital=session.capital,
        fee_rates=fee_rates(manifest.config.get("execution", {})),
        findings=findings,
    )
    counted = Tally()
    sessions: list[Session] = []
    for event in events:
        counted.add(event.message)
        orders.take(event.message)
        money.take(event.message)
        if isinstance(event.message, Session):
            sessions.append(event.message)
    if report.ended_at is not None:
        orders.finish()
    money.finish(orders.open_orders)
    _compare(report, counted, money, session, sessions, findings)
    for each in sessions:
        if each.phase == "genesis":
            kept = json.loads(each.config) == manifest.config
            findings.expect(kept, "files", "manifest.json holds another configuration than genesis")
    for name in FILES:
        same = hashes.get(name) == manifest.files.get(name)
        findings.expect(same, "files", f"{name} is not the file that was written")
    return findings.found


def _compare(
    report: FinalReport,
    counted: Tally,
    money: MoneyAudit,
    session: SessionConfig,
    sessions: list[Session],
    findings: Findings,
) -> None:
    facts = RunFacts(
        session_id=session.session_id,
        started_at=0,
        ended_at=None,
        stop_reason=next((each.stop_reason for each in sessions if each.phase == "end"), None),
        source=report.source,
        strategies=tuple(each.name for each in session.strategies),
        currency=session.currency,
        capital=session.capital,
        instruments=session.by_key,
        events_in=report.events_in,
        quarantined=report.quarantined,
        # Errors of services are told by the services, not by events; those of strategies are both.
        service_errors=max(report.errors - counted.strategy_errors, 0),
        tick_to_order_p50_ms=report.latency_ms.tick_to_order_p50,
        tick_to_order_p99_ms=report.latency_ms.tick_to_order_p99,
    )
    times = {each.phase: utc(each.ts) for each in sessions}
    due = final_report(facts, counted).model_copy(
        update={
            "started_at": times.get("genesis", report.started_at),
            "ended_at": times.get("end"),
            "duration_s": report.duration_s,
            "positions": _positions(money),
        }
    )
    for name in FinalReport.model_fields:
        said, computed = getattr(report, name), getattr(due, name)
        findings.expect(
            said == computed, "report", f"{name} is {_shown(said)}, but the events give {_shown(computed)}"
        )
    if report.equity_end is not None and counted.account is not None:
        total = session.capital + sum(
            (Decimal(value or 0) * sign for value, sign in _parts(report)), Decimal(0)
        )
        findings.expect(
            Decimal(report.equity_end) == total,
            "I1",
            f"equity_end is {report.equity_end}, its parts give {total}",
        )


def _parts(report: FinalReport) -> Iterator[tuple[str | None, int]]:
    yield report.pnl_realized, 1
    yield report.pnl_unrealized, 1
    yield report.fees, -1


def _positions(money: MoneyAudit) -> list[PositionReport]:
    """What the fills alone come to."""
    listed = []
    for (strategy, instrument), position in sorted(money.positions.items()):
        held = holding(position)
        price = None if held.average_price is None else canonical_decimal(held.average_price)
        listed.append(
            PositionReport(
                strategy=strategy,
                instrument=instrument,
                quantity=canonical_decimal(held.quantity),
                average_price=price,
            )
        )
    return listed


def _shown(value: object) -> str:
    text = json.dumps(value, default=lambda each: each.model_dump())
    return text if len(text) <= 200 else f"{text[:197]}..."


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableReport(f"{file}: {error.strerror or error}") from error


def _read(file: Path, model: type[M]) -> M:
    try:
        return model.model_validate_json(_bytes(file))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise UnreadableReport(f"{file}: {where}: {first['msg']}") from error


def _events(file: Path) -> Iterator[Event]:
    for number, line in enumerate(_bytes(file).decode(errors="replace").splitlines(), start=1):
        try:
            yield from_line(line)
        except UnreadableMessage as error:
            raise UnreadableReport(f"{file}: line {number}: {error}") from error
