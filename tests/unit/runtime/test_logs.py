"""A log file that cannot take a line must not end the process that writes it."""

import json
from pathlib import Path

import pytest
from penstock_runtime import logs
from penstock_runtime.logs import LogFile


def test_lines_that_a_full_disk_refuses_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = LogFile(tmp_path / "a.jsonl")
    file.write("first\n")
    write = logs.os.write

    def full(_descriptor: int, _line: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logs.os, "write", full)
    file.write("second\n")
    file.write("third\n")
    monkeypatch.setattr(logs.os, "write", write)
    file.write("fourth\n")
    first, dropped, fourth = (tmp_path / "a.jsonl").read_text().splitlines()
    assert (first, fourth) == ("first", "fourth")
    assert json.loads(dropped) == {"event": "lines_dropped", "count": 2}


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LogFile(tmp_path / "a.jsonl")
    file.write("first\n")
    write = logs.os.write
    monkeypatch.setattr(logs.os, "write", lambda descriptor, line: write(descriptor, line[:3]))
    file.write("second\n")
    assert file.dropped == 1
    assert (tmp_path / "a.jsonl").read_text() == "first\n"
