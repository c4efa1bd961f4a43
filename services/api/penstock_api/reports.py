"""Reports on disk. A name is looked up among those that are there, and never becomes a path itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from penstock_contracts.types import Ns
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from penstock_api.views.base import View

SESSION_REPORT, BACKTEST_REPORT = "final_report.json", "summary.json"
ENTRIES_MAX = 500
BYTES_MAX = 8 << 20
_DOCUMENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class ReportEntry(View):
    """A session or backtest that has, or will have, a report."""

    name: str
    kind: Literal["session", "backtest"]
    created_at: Ns
    """Wall time, ns."""
    status: str
    """Of a session: `running`, `ended`, `stopped`, `failed`."""
    stop_reason: str = ""
    source: str = ""
    strategies: tuple[str, ...] = ()
    written: bool
    """Whether its report is there."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    created_at: int
    source: str = ""
    strategies: tuple[str, ...] = ()
    out: Path
    status: str = "running"
    stop_reason: str = ""

    @property
    def file(self) -> Path:
        return self.out / self.session_id / SESSION_REPORT


class Reports:
    """The reports of a data directory; none without one."""

    def __init__(self, data_dir: Path | None) -> None:
        self._data_dir = data_dir

    def entries(self) -> list[ReportEntry]:
        """Sessions and backtests, the last one first."""
        records = self._records()
        found = [
            ReportEntry(
                name=each.session_id, kind="session", created_at=each.created_at, status=each.status,
                stop_reason=each.stop_reason, source=each.source, strategies=each.strategies,
                written=each.file.is_file(),
            )
            for each in records
        ]  # fmt: skip
        found += [
            ReportEntry(
                name=file.parent.name,
                kind="backtest",
                created_at=file.stat().st_mtime_ns,
                status="ended",
                written=True,
            )
            for file in self._backtests(records)
        ]
        return sorted(found, key=lambda each: -each.created_at)[:ENTRIES_MAX]

    def report(self, name: str) -> dict[str, JsonValue] | None:
        """The report of that name, or None."""
        records = self._records()
        files = {each.session_id: each.file for each in records}
        files |= {file.parent.name: file for file in self._backtests(records)}
        return _read(files[name]) if name in files else None

    def _records(self) -> list[_Record]:
        if self._data_dir is None:
            return []
        files = sorted((self._data_dir / "sessions").glob("*/session.json"))[-ENTRIES_MAX:]
        return [found for each in files if (found := _record(each)) is not None]

    @staticmethod
    def _backtests(records: list[_Record]) -> Iterator[Path]:
        """Backtests in the folders where sessions write."""
        for out in sorted({each.out for each in records}):
            yield from sorted(out.glob(f"*/{BACKTEST_REPORT}"))


def _record(file: Path) -> _Record | None:
    try:
        return _Record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None  # being written, or of another version: the others are shown


def _read(file: Path) -> dict[str, JsonValue] | None:
    try:
        if file.stat().st_size > BYTES_MAX:
            return None
        return _DOCUMENT.validate_python(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return None
