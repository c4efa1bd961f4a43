"""Writes a run's folder: whole, or not at all."""

import json
import os
import platform
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from penstock_ingest.config import parse_source
from penstock_kernel.version import code_hash

from penstock_research import environment
from penstock_research.environment import RunManifest
from penstock_research.outcome import Result
from penstock_research.page.page import page

SUMMARY, MANIFEST, REPORT = "summary.json", "manifest.json", "report.html"
DECIDING = ("session", "ingest", "features", "strategy", "risk", "execution")
"""Sections of a configuration; where an api listens, say, decides nothing."""
FILES = (SUMMARY, MANIFEST, REPORT, "fills.parquet", "trades.parquet", "equity.parquet")


class FolderInUse(Exception):
    """The folder holds files that are none of a backtest's: they are not overwritten."""


def check_writable(folder: Path) -> None:
    """FolderInUse, or OSError, where the folder could not be written; an earlier run's may be replaced."""
    if folder.exists():
        strange = sorted(each.name for each in folder.iterdir() if each.name not in FILES)
        if strange:
            raise FolderInUse(
                f"{folder} holds {strange[0]}, which is no file of a backtest; name another folder"
            )
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    if not os.access(parent, os.W_OK):
        raise PermissionError(13, "may not be written", str(parent))


def write_folder(result: Result, document: dict[str, Any], folder: Path, seconds: float) -> dict[str, Any]:
    """Write everything that a run came to; returns the summary. What stood in the folder is replaced."""
    check_writable(folder)
    folder = folder.absolute()
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        summary = _write(result, document, partial, seconds)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


def _write(result: Result, document: dict[str, Any], folder: Path, seconds: float) -> dict[str, Any]:
    summary = result.summary()
    made = manifest(document, seconds)
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    result.fills.write_parquet(folder / "fills.parquet")
    result.trades.write_parquet(folder / "trades.parquet")
    result.equity.write_parquet(folder / "equity.parquet")
    (folder / REPORT).write_text(page(result, summary, made), encoding="utf-8")
    hashes = {name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES if name != MANIFEST}
    complete = made.model_copy(update={"files": hashes})
    (folder / MANIFEST).write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return summary


def manifest(document: dict[str, Any], seconds: float) -> RunManifest:
    """What made the run."""
    sources = document["ingest"]["sources"]
    synthetic = [parse_source(each) for each in sources if parse_source(each).kind == "synthetic"]
    seed = document["ingest"]["synthetic"]["seed"]
    return RunManifest(
        code_version=environment.package_version("penstock"),
        code_hash=code_hash(),
        config_hash=config_hash(document),
        config=document,
        data=environment.data_files(sources),
        seed=(synthetic[0].seed if synthetic[0].seed is not None else seed) if synthetic else None,
        invented_prices=bool(synthetic),
        python=environment.python_version(),
        libraries=environment.libraries(),
        processor=environment.processor(),
        platform=platform.platform(),
        seconds=round(seconds, 3),
    )


def config_hash(document: dict[str, Any]) -> str:
    """Sixteen hex digits over what decides results, as canonical JSON."""
    deciding = {name: document[name] for name in DECIDING if name in document}
    text = json.dumps(deciding, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()[:16]
