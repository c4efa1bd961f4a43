"""Writes a report's folder: events as they come, the rest at the end, the manifest with their hashes last."""

import json
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from penstock_contracts.base import Family, Message
from penstock_contracts.control import Session

from penstock_research.report.final import FinalReport, RunFacts, Tally, final_report
from penstock_research.report.journal import Event, Journal, to_line
from penstock_research.report.manifest import Manifest, digest
from penstock_research.report.metrics import metrics, metrics_rows


class ReportWriter:
    """A report in the making. As a context manager it closes its files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.tally = Tally()
        self._journal = Journal()
        self._events: BinaryIO = (folder / "events.jsonl").open("wb")
        self._hash = sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.close()

    def genesis(self, message: Session) -> None:
        """Begin with the session's genesis. Its configuration is in the manifest, not here again."""
        self._write(Event(None, "ctl", message))

    def add(self, family: Family, message: Message) -> None:
        """Take the next message of sig, ord or ven, each family in its own order."""
        for event in self._journal.add(family, message):
            self._write(event)

    def finish(self, facts: RunFacts, end: Session | None, manifest: Manifest) -> FinalReport:
        """Write everything that remains; returns the report."""
        for event in self._journal.rest():
            self._write(event)
        if end is not None:
            self._write(Event(None, "ctl", end))
        self._events.close()
        report = final_report(facts, self.tally)
        instruments = manifest.instruments()
        files = {
            "final_report.json": (report.model_dump_json(indent=2) + "\n").encode(),
            "metrics.json": (json.dumps(metrics(report, self.tally, instruments), indent=2) + "\n").encode(),
            "metrics.csv": "".join(f"{','.join(row)}\n" for row in metrics_rows(self.tally)).encode(),
        }
        hashes = {"events.jsonl": self._hash.hexdigest()}
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
            hashes[name] = digest(content)
        complete = manifest.model_copy(update={"files": hashes})
        (self.folder / "manifest.json").write_text(
            complete.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
        return report

    def _write(self, event: Event) -> None:
        line = to_line(event).encode() + b"\n"
        self._events.write(line)
        self._hash.update(line)
        self.tally.add(event.message)
