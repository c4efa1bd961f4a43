"""The journal of a search: a line for each trial, on the disk before the next. A kill loses nothing."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from penstock_research.trials.space import Value

NAME = "trials.jsonl"
ABOUT = "search.json"


class OtherSearch(Exception):
    """The folder holds the trials of another search."""


def key_of(parameters: Mapping[str, Value]) -> str:
    """What a trial is known by."""
    return json.dumps(dict(parameters), sort_keys=True)


class Journal:
    """Opens a search's folder, with what was tried in it already."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """`about` says which search it is. OtherSearch when the folder holds another."""
        folder.mkdir(parents=True, exist_ok=True)
        self.about = told = json.loads(json.dumps(about))
        described = folder / ABOUT
        if described.exists():
            known = json.loads(described.read_text(encoding="utf-8"))
            different = [name for name in told if known.get(name) != told[name]]
            if different:
                raise OtherSearch(f"{folder} holds a search with another {', '.join(different)}")
        else:
            described.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        self._path = folder / NAME
        self.rows = self._read()
        self._file: BinaryIO = self._path.open("ab")

    def add(self, parameters: Mapping[str, Value], row: Mapping[str, Any]) -> None:
        """Write a trial down."""
        key = key_of(parameters)
        entry = {"key": key, "parameters": dict(parameters), "row": dict(row)}
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows[key] = entry

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        if not self._path.exists():
            return rows
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # the line that a kill cut off: its trial is made again
            self._path.write_bytes(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            rows[entry["key"]] = entry
        return rows
