"""Penstock's side of a measurement, in a process of its own: `python -m bench.peers.ours WORK FOLDER`.

The files are read and the stages built before the clock starts. A second run over the same columns is the
warm one. What both put out is compared with what the lockstep path put out before (`--lockstep`).
"""

import gc
import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from penstock_contracts.base import Message
from penstock_contracts.codec import encode
from penstock_contracts.codec import rows_of as rows_in
from penstock_contracts.orders import OrderApproved, SignalRefused, SignalResolved
from penstock_contracts.signals import Signal
from penstock_contracts.types import NEVER
from penstock_contracts.venue import Fill
from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig
from penstock_kernel.session import SessionConfig
from penstock_research.backtest import Backtest
from penstock_research.chained import Stages, run_chained
from penstock_research.chunks import BatchFeed, Chunks
from penstock_research.history import Sink

from bench.peers.compare import curve
from bench.peers.data import last_middle, read
from bench.peers.works import CAPITAL, FEE_MAKER, FEE_TAKER, LOCKSTEP_MARKS, QUANTITY, WORKS, Work

COMPARED = {
    "signals": (Signal,), "outcomes": (SignalRefused, SignalResolved), "approvals": (OrderApproved,),
    "fills": (Fill,),
}  # fmt: skip
_MARGIN_NS = 10_000_000_000
STRATEGIES = Path(__file__).with_name("strategies.py")


def document_of(work: Work, file: Path | list[Path]) -> dict[str, Any]:
    """The resolved configuration: no spread and no slippage, as the peer has none; all limits evaluated."""
    paper = {
        "spread_bps": 0,
        "slippage_bps": 0,
        "fee_taker": FEE_TAKER,
        "fee_maker": FEE_MAKER,
        "participation": 1,
    }
    source = work.strategy if work.strategy.islower() else f"{STRATEGIES}:{work.strategy}"
    return Backtest(
        file, source, parameters=work.parameters, capital=CAPITAL, interval=work.interval, profile="open",
        risk={"sizing_method": "fixed_quantity", "sizing_quantity": QUANTITY},
        execution={"paper": paper}, ingest={"grid": work.grid} if work.grid else {}, regime=False,
    ).document  # fmt: skip


def rows_of(outputs: list[Message], until: int = NEVER) -> dict[str, list[str]]:
    """The hash and number of each kind of row that must be that of the lockstep path, up to a time."""
    rows: dict[str, list[str]] = {}
    for name, kinds in COMPARED.items():
        found = [encode(each) for each in outputs if type(each) in kinds and each.ts <= until]
        rows[name] = [str(len(found)), sha256(b"\n".join(found)).hexdigest()]
    return rows


def beginning(document: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The document of the run's first intervals, and up to when what they put out is that of the whole run.

    Where data ends earlier than the whole does, the end closes positions and cancels orders.
    """
    session = document["session"]
    span = LOCKSTEP_MARKS * int(session["grid"])
    until = int(session["start"]) + span - max(_MARGIN_NS, 10 * int(session["grid"]))
    return {**document, "ingest": {**document["ingest"], "duration": span}}, until


def lockstep_rows(document: dict[str, Any]) -> dict[str, list[str]]:
    """What the lockstep path puts out in the beginning."""
    shorter, until = beginning(document)
    made = run_chained(shorter, runs=False).outputs
    return rows_of([each for name in ("strategy", "risk", "execution") for each in made[name]], until)


class Seconds(NamedTuple):
    """What a run took."""

    wall: float
    cpu: float


class Prepared:
    """A document, and the columns of its sources."""

    def __init__(self, document: dict[str, Any]) -> None:
        session = SessionConfig.model_validate(document["session"])
        schedule = build_schedule(IngestConfig.model_validate(document["ingest"]), session)
        self.document = document
        self.start = session.start
        self.columns = [(feed.instrument, list(feed.columns())) for feed in schedule.feeds]
        self.rows = sum(rows_in(batch) for _, batches in self.columns for batch in batches)

    def run(self, sink: Sink, *, stepwise: bool = False, document: dict[str, Any] | None = None) -> Seconds:
        """One run with new stages, under another document of the same data where one is given."""
        stages = Stages.of(document or self.document, commands=False)
        run = stages.history(sink)
        feeds = [BatchFeed(instrument, batches) for instrument, batches in self.columns]
        chunks = Chunks(feeds, stages.session.grid, self.start)
        if stepwise:
            run.span_max = stages.session.strategies[0].interval
        gc.collect()
        began, busy = time.perf_counter(), time.process_time()
        for _ in run.steps(chunks, self.start):
            pass
        return Seconds(time.perf_counter() - began, time.process_time() - busy)


def main(
    name: Annotated[str, typer.Argument()],
    folder: Annotated[Path, typer.Argument(help="With the data; the result is written there.")],
    lockstep: Annotated[bool, typer.Option("--lockstep", help="Every interval alone; not timed.")] = False,
) -> None:
    """Measure, or make what measurements are compared with."""
    work = WORKS[name]
    file = next((folder / work.data).glob("*.parquet"))
    began = time.perf_counter()
    document = document_of(work, file)
    result: dict[str, Any] = {}
    if lockstep:
        result["rows"] = lockstep_rows(document)
        write_result(folder / f"{name}.lockstep.json", result)
        return
    prepared = Prepared(document)
    result["load_s"] = time.perf_counter() - began
    result["runs_s"], result["cpu_s"] = [], []
    outputs: list[Message] = []
    for _ in range(2):
        outputs = []
        made_by: dict[str, list[Message]] = {"strategy": [], "risk": [], "execution": []}

        def keep(producer: str, made: list[Message], into: dict[str, list[Message]] = made_by) -> None:
            if producer != "features":
                into[producer] += made

        seconds = prepared.run(keep, stepwise=work.stepwise)
        result["runs_s"].append(seconds.wall)
        result["cpu_s"].append(seconds.cpu)
        outputs = [each for kept in made_by.values() for each in kept]
        rows = rows_of(outputs)
        if result.setdefault("rows", rows) != rows:
            raise ValueError(f"{name}: the second run put out something else than the first")
    result["beginning"] = rows_of(outputs, beginning(document)[1])
    result["events"] = prepared.rows
    result["fills"] = [
        [each.ts, each.side.sign * float(each.quantity), float(each.price), float(each.fee)]
        for each in outputs
        if type(each) is Fill
    ]
    if work.data == "books":
        book = read(file)
        end, middle = book["ts"][-1:].astype(np.int64), np.array([last_middle(book)])
        fills = [row for row in result.pop("fills") if row[0] <= end[0]]
        result["equity_final"] = round(float(curve(fills, end, middle, CAPITAL)[0]), 2)
        result["fills_count"] = len(fills)
    write_result(folder / f"{name}.ours.json", result)


def write_result(file: Path, result: dict[str, Any]) -> None:
    """For the process that compares."""
    file.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
