"""The figures that are taken on whole sessions: lockstep, throughput, startup, memory."""

import time
from collections.abc import Sequence
from pathlib import Path

from bench import stored
from bench.figures import Figure, of_repeats
from bench.market import first_bars, month
from bench.session import Watched, run

LOCKSTEP_MARKS = {"separate processes": 250, "fused": 5_000}
BATCHED_PER_S, SINGLE_PER_S = 50_000, 5_000
STARTUP_S = 5.0
SERVICE_MB, FUSED_MB, SEPARATE_MB, GROWTH_MB = 150.0, 500.0, 1_200.0, 1.0
OPEN = ("--profile", "open")
Samples = list[tuple[float, float]]
"""Minutes since the start, and megabytes."""


def symbols(count: int) -> str:
    """So many invented symbols, for `ingest.synthetic.symbols`."""
    return "{" + ", ".join(f'"bench{number}-usdt" = "{100 + 50 * number}"' for number in range(count)) + "}"


def synthetic(count: int, events_per_s: float, seconds: float) -> list[str]:
    """An even flow of invented trades at 1x: no bursts, no jumps, no regimes."""
    settings = {
        "symbols": symbols(count), "rate": events_per_s / count, "bursts": 0, "jumps": 0, "regimes": "false",
    }  # fmt: skip
    given = [f"--set=ingest.synthetic.{name}={value}" for name, value in settings.items()]
    return ["--source", "synthetic:7", "--duration", f"{seconds:g}s", *OPEN, *given]


# --- Lockstep ----------------------------------------------------------------------------------------


def lockstep(folder: Path, *, quick: bool) -> list[Figure]:
    """Marks a second of a replay as fast as the stages follow, with recorder and api as always."""
    file, what = month(folder)
    figures = []
    for topology, limit in LOCKSTEP_MARKS.items():
        fused = topology == "fused"
        bars = (6_000 if fused else 1_500) if quick else (45_031 if fused else 6_000)
        # Its name says what it holds, and so in which currency the account is.
        (folder / topology.split()[0]).mkdir()
        part = first_bars(file, folder / topology.split()[0] / file.name, bars)
        rates, details = [], {}
        for repeat in range(1 if quick else 3):
            at = folder / f"lockstep-{topology.split()[0]}-{repeat}"
            arguments = [
                "--source",
                f"replay:{part}",
                "--speed",
                "max",
                *OPEN,
                *(["--fused"] if fused else []),
            ]
            watched = run(arguments, at)
            facts = stored.read(at)
            rates.append((facts.marks - 1) / (facts.last_mark_s - facts.first_mark_s))
            details = {"marks": facts.marks, "messages": facts.messages, "bars": what, "cpu_s": watched.cpu_s}
        figures.append(of_repeats(f"lockstep, {topology}", rates, "marks/s", "at least", limit, **details))
    return figures


# --- Throughput --------------------------------------------------------------------------------------


def throughput(folder: Path, *, quick: bool) -> list[Figure]:
    """Trades through ingest, features and recorder until they are committed; a lost one is an error."""
    seconds = 10 if quick else 60
    return [
        _through(folder / "batches", "throughput, batches", 4, 60_000, seconds, BATCHED_PER_S, ()),
        _through(
            folder / "single", "throughput, one by one", 4, 6_000, seconds, SINGLE_PER_S,
            ("--set=ingest.batch_rows=1",),
        ),
    ]  # fmt: skip


def _through(
    folder: Path, name: str, count: int, offered: float, seconds: float, limit: float, more: Sequence[str]
) -> Figure:
    watched = run([*synthetic(count, offered, seconds), *more], folder)
    facts = stored.read(folder, count_trades=True)
    events = int(watched.report["events_in"])
    counts = {"events_in": events, "log": facts.trades, "database": facts.trades_in_database}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{name}: trades were lost: {counts}")
    until = _recorded_until(watched)
    details = {
        **counts, "offered_per_s": offered, "seconds": seconds, "cpu_s": watched.cpu_s,
        "seconds_until_recorded": round(until - facts.first_data_s, 2),
    }  # fmt: skip
    return Figure(name, events / (until - facts.first_data_s), "/s", "at least", limit, details=details)


def _recorded_until(watched: Watched) -> float:
    """Wall time at which the recorder first said that it had committed the last mark."""
    last = max(mark for _, mark in watched.recorded)
    return next(at for at, mark in watched.recorded if mark == last)


# --- Startup -----------------------------------------------------------------------------------------


def startup(folder: Path, *, quick: bool) -> list[Figure]:
    """From the command to the first trade in the log, each time with an empty data directory."""
    seconds = []
    for repeat in range(1 if quick else 5):
        at = folder / f"startup-{repeat}"
        watched = run(synthetic(3, 50, 3), at)
        seconds.append(stored.read(at).first_data_s - watched.started_s)
        time.sleep(1.0)
    return [of_repeats("startup, command to first event", seconds, "s", "below", STARTUP_S)]


# --- Memory ------------------------------------------------------------------------------------------


def memory(folder: Path, *, quick: bool) -> list[Figure]:
    """Resident memory of every process at 1,000 events/s, and how it grows over the second half."""
    minutes = 1 if quick else 10
    figures = []
    for topology, limit in (("separate processes", SEPARATE_MB), ("fused", FUSED_MB)):
        fused = topology == "fused"
        strategy = ["--strategy", "ma_cross:fast=5,slow=20"]
        arguments = [*synthetic(10, 1_000, 60 * minutes), *strategy, *(["--fused"] if fused else [])]
        samples = lasting(run(arguments, folder / topology.split()[0], sample_memory=True).rss_mb)
        peaks = {name: max(value for _, value in rows) for name, rows in samples.items()}
        growth = {name: slope(rows[len(rows) // 2 :]) for name, rows in samples.items()}
        services = {name: peak for name, peak in peaks.items() if name not in {"nats-server", "postgres"}}
        details = {"peak_mb": peaks, "growth_mb_per_min": growth, "minutes": minutes}
        total, largest = sum(peaks.values()), max(services, key=lambda name: services[name])
        fastest = max(growth, key=lambda name: growth[name])
        figures += [
            Figure(f"memory, {topology}: total", total, "MB", "below", limit, details=details),
            Figure(
                f"memory, {topology}: largest growth ({fastest})",
                growth[fastest],
                "MB/min",
                "below",
                GROWTH_MB,
            ),
        ]
        if not fused:
            figures.append(
                Figure(f"memory, largest service ({largest})", services[largest], "MB", "below", SERVICE_MB)
            )
    return figures


def lasting(samples: dict[str, Samples]) -> dict[str, Samples]:
    """The processes that live as long as the session: those that only prepare something are left out."""
    longest = max(len(rows) for rows in samples.values())
    return {name: rows for name, rows in samples.items() if 2 * len(rows) > longest}


def slope(rows: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope of (x, y) rows; 0 for fewer than two different x."""
    mean_x = sum(x for x, _ in rows) / len(rows)
    mean_y = sum(y for _, y in rows) / len(rows)
    spread = sum((x - mean_x) ** 2 for x, _ in rows)
    return sum((x - mean_x) * (y - mean_y) for x, y in rows) / spread if spread else 0.0
