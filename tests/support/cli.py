"""Builders for the tests of launcher, configuration and report: small markets, and runs without a bus."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from penstock.config.document import dump
from penstock.config.load import ConfigOptions, load
from penstock.config.resolve import Resolved, resolve
from penstock_contracts.base import Family, Message
from penstock_contracts.control import Session
from penstock_ingest.build import build_schedule
from penstock_kernel.chain import Chain
from penstock_kernel.topology import PLACES
from penstock_research.chained import Stages
from penstock_research.report.files import ReportWriter
from penstock_research.report.final import FinalReport, RunFacts
from penstock_research.report.manifest import Manifest

PENSTOCK = (sys.executable, "-m", "penstock")
START_S = 1_640_995_200
"""2022-01-01T00:00:00Z."""


def write_bars(file: Path, count: int = 400, *, period: int = 60) -> Path:
    """One-minute bars of a price that swings, so that averages cross again and again."""
    lines = ["timestamp,open,high,low,close,volume"]
    close = 100.0
    for at in range(count):
        opened, close = close, 100.0 + 5.0 * math.sin(2 * math.pi * at / period)
        high, low = max(opened, close) + 0.1, min(opened, close) - 0.1
        lines.append(
            f"{START_S + 60 * (at + 1)},{opened:.2f},{high:.2f},{low:.2f},{close:.2f},{1000 + at % 7}.5"
        )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def resolved(
    source: str, *settings: str, profile: str = "open", session_id: str = "s-1", file: Path | None = None
) -> Resolved:
    """A session resolved from a source and `path=value` settings."""
    options = ConfigOptions(
        profile, file, (), (f'ingest.sources=["{source}"]', "ingest.speed=max", *settings)
    )
    return resolve(load(options, {}), session_id, START_S * 10**9)


@dataclass
class Run:
    """A chained run, interval by interval."""

    chosen: Resolved
    messages: list[tuple[Family, Message]] = field(default_factory=list)
    events: int = 0
    quarantined: int = 0

    @property
    def genesis(self) -> Session:
        return self._session("genesis", "")

    @property
    def end(self) -> Session:
        return self._session("end", "end_of_data")

    def _session(self, phase: Any, reason: str) -> Session:
        return Session(
            phase=phase,
            session_id=self.chosen.session.session_id,
            ts=(START_S + 1000 * (phase == "end")) * 10**9,
            config_hash=self.chosen.config_hash,
            code_hash="code",
            config=dump(self.chosen.document) if phase == "genesis" else "",
            stop_reason=reason,
        )


def run_chained(chosen: Resolved) -> Run:
    """All stages over the sources, as the log would hold it: each family in its own order."""
    stages = Stages.of(chosen.document)
    chain = Chain(stages.by_name())
    schedule = build_schedule(chosen.ingest, stages.session)
    run = Run(chosen)
    while True:
        messages, mark = schedule.next_interval()
        outputs = chain.interval(messages, mark)
        for producer, made in outputs.items():
            if producer != "features":
                run.messages += [(PLACES[producer].family, each) for each in made]
        risk = outputs["risk"][-1]
        if risk.stop and risk.flat:
            schedule.end()
        if mark.ended and risk.flat:
            run.events, run.quarantined = schedule.events, schedule.quarantined
            return run


def write_report(run: Run, out: Path) -> Path:
    """The report of a run; returns its folder."""
    session = run.chosen.session
    folder = out / session.session_id
    facts = RunFacts(
        session_id=session.session_id,
        started_at=run.genesis.ts,
        ended_at=run.end.ts,
        stop_reason=run.end.stop_reason,
        source="a file",
        strategies=tuple(each.name for each in session.strategies),
        currency=session.currency,
        capital=session.capital,
        instruments=session.by_key,
        events_in=run.events,
        quarantined=run.quarantined,
    )
    with ReportWriter(folder) as writer:
        writer.genesis(run.genesis)
        for family, message in run.messages:
            writer.add(family, message)
        writer.finish(facts, run.end, manifest(run.chosen))
    return folder


def manifest(chosen: Resolved) -> Manifest:
    """A manifest of a run on this machine."""
    return Manifest(
        session_id=chosen.session.session_id,
        code_version="0",
        code_hash="code",
        config_hash=chosen.config_hash,
        config=chosen.document,
        data=[],
        seed=None,
        invented_prices=False,
        paper_venue=chosen.document["execution"],
        python="3",
        libraries={},
        processor="",
        platform="",
    )


def report_of(folder: Path) -> FinalReport:
    """The report in a folder."""
    return FinalReport.model_validate_json((folder / "final_report.json").read_bytes())


def processes_below(folder: Path) -> list[str]:
    """Command lines of the living processes that work in or on a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = " ".join(process.info["cmdline"] or ())
        environment = process.info["environ"] or {}
        if str(folder) in words or str(folder) in environment.get("PENSTOCK_DATA_DIR", ""):
            found.append(words)
    return found
