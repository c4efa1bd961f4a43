"""Removing what old sessions left: logs, streams, snapshots. Reports and the database stay.

A session that runs is never touched, one that did not end only when that was asked for: its log is what it
would go on from.
"""

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import CommandError, DirectoryInUse
from penstock.launch.paths import DataDir, SessionFolder, SessionRecord


@dataclass(frozen=True, slots=True)
class Rules:
    """What goes. Without a rule everything that may go does."""

    older_than_ns: int | None = None
    """Created longer ago."""
    size_max: int | None = None
    """The oldest go until all folders together take no more bytes."""
    keep: int = 0
    """So many of the newest stay in any case."""
    unfinished: bool = False
    """Also those that were drained, failed or were cut off."""


@dataclass(frozen=True, slots=True)
class Left:
    """One session's folder, and what it takes."""

    folder: SessionFolder
    record: SessionRecord
    bytes: int


def survey(data_dir: DataDir) -> list[Left]:
    """Every session that does not run, the oldest first. What cannot be read is left out."""
    running = data_dir.running()
    found = []
    for folder in data_dir.sessions():
        if running is not None and running.session_id == folder.session_id:
            continue
        try:
            found.append(Left(folder, folder.read(), size_of(folder.path)))
        except CommandError:
            continue
    return found


def to_remove(left: Sequence[Left], rules: Rules, now_ns: int) -> list[Left]:
    """Those that the rules mean, the oldest first."""
    kept = {each.folder for each in left[len(left) - rules.keep :]} if rules.keep else set()
    may_go = [
        each for each in left
        if each.folder not in kept and (rules.unfinished or each.record.status == "ended")
    ]  # fmt: skip
    if rules.older_than_ns is None and rules.size_max is None:
        return may_go
    total = sum(each.bytes for each in left)
    chosen = []
    for each in may_go:
        old = rules.older_than_ns is not None and now_ns - each.record.created_at > rules.older_than_ns
        if old or (rules.size_max is not None and total > rules.size_max):
            chosen.append(each)
            total -= each.bytes
    return chosen


def remove(data_dir: DataDir, chosen: Sequence[Left]) -> None:
    """Remove folders. Each is moved aside first: a removal that is cut off leaves no half session."""
    aside = data_dir.path / "removed"
    with contextlib.ExitStack() as held:
        # While one runs no other can begin; while none runs, none may begin with what is being removed.
        with contextlib.suppress(DirectoryInUse):
            held.enter_context(data_dir.exclusively())
        running = data_dir.running()
        aside.mkdir(exist_ok=True)
        for each in chosen:
            if running is None or running.session_id != each.folder.session_id:
                each.folder.path.rename(aside / each.folder.session_id)
    shutil.rmtree(aside)


def size_of(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(path) / name).lstat().st_blocks * 512
            except OSError:
                continue  # it went while we looked
    return total
