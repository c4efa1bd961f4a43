"""Searches on a real Dask cluster: a scheduler and two workers, each its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import polars as pl
import pytest
from distributed import Client
from penstock.main import run as penstock
from penstock_research.trials.pools import ClusterError, DaskPool
from support.cli import write_bars

START_S = 120


class Cluster:
    """The processes of a cluster."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard",
                    "--scheduler-file", str(self._file))  # fmt: skip
        deadline = monotonic() + START_S
        while not (self._file.exists() and self._file.read_text().strip()):
            assert monotonic() < deadline, self.said()
            sleep(0.1)
        self.address: str = json.loads(self._file.read_text())["address"]

    def _start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
                stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker of one thread."""
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
                           "--local-directory", str(self._folder))  # fmt: skip

    def until_workers(self, count: int) -> None:
        """Wait until so many workers are there."""
        with Client(self.address, timeout=START_S) as client:
            client.wait_for_workers(count, timeout=START_S)  # type: ignore[no-untyped-call]

    def said(self) -> str:
        """What the processes wrote."""
        return "\n".join(each.read_text() for each in self._folder.glob("*.log"))

    def stop(self) -> None:
        """End every process."""
        for each in reversed(self._processes):
            if each.poll() is None:
                each.send_signal(signal.SIGKILL)
            each.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    running = Cluster(folder)
    try:
        yield running
    finally:
        running.stop()


def sweep(bars: Path, out: Path, *more: str) -> int:
    return penstock(
        ["sweep", "--data", str(bars), "--profile", "open", "--param", "fast=2..4", "--param", "slow=3,9,15",
         "--out", str(out), *more]
    )  # fmt: skip


def rows_of(out: Path) -> list[dict[str, Any]]:
    trials = pl.read_parquet(out / "trials.parquet").drop("seconds")
    return sorted(trials.to_dicts(), key=lambda row: (row["p.fast"], row["p.slow"]))


def test_a_cluster_finds_what_this_machine_finds_and_a_lost_worker_costs_no_trial(
    cluster: Cluster, tmp_path: Path
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 400, period=30)
    assert sweep(bars, tmp_path / "here", "--workers", "1") == 0
    doomed = cluster.worker()
    cluster.worker()
    cluster.until_workers(2)
    assert sweep(bars, tmp_path / "there", "--scheduler", cluster.address) == 0
    doomed.kill()
    assert sweep(bars, tmp_path / "again", "--scheduler", cluster.address) == 0
    here, there, again = (rows_of(tmp_path / each) for each in ("here", "there", "again"))
    assert here == there == again
    assert len(here) == 9
    assert sum(row["status"] == "failed" for row in here) == 2
    assert sum(row["fills"] or 0 for row in here) > 20


def test_a_cluster_that_cannot_be_used_is_named_before_anything_is_written(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 60)
    assert sweep(bars, tmp_path / "none", "--scheduler", cluster.address) == 78
    assert "the cluster has no workers" in capsys.readouterr().err
    assert sweep(bars, tmp_path / "gone", "--scheduler", "tcp://127.0.0.1:1") == 78
    assert "tcp://127.0.0.1:1" in capsys.readouterr().err


def test_workers_with_other_code_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.worker()
    cluster.until_workers(1)
    monkeypatch.setattr(DaskPool, "_code", staticmethod(lambda: "0123456789abcdef"))
    with pytest.raises(ClusterError, match="another version"):
        DaskPool(cluster.address, 0, ({}, None, None))  # type: ignore[arg-type]
