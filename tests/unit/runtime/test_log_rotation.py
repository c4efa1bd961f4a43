"""A log file that has become too large is put aside, and the last few are kept."""

from pathlib import Path

from penstock_runtime.logs import LogFile


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_a_full_file_is_put_aside_and_no_line_is_lost_or_cut(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "risk.jsonl", bytes_max=100, kept=3)
    for number in range(18):
        file.write(f"{number:02d} {'x' * 26}\n")  # 30 bytes: four fill a file
    old = tmp_path / "old"
    kept = [old / "risk.3.jsonl", old / "risk.2.jsonl", old / "risk.1.jsonl", tmp_path / "risk.jsonl"]
    assert [line[:2] for each in kept for line in lines(each)] == [f"{number:02d}" for number in range(4, 18)]
    assert sorted(each.name for each in old.iterdir()) == ["risk.1.jsonl", "risk.2.jsonl", "risk.3.jsonl"]


def test_a_process_that_begins_on_a_file_goes_on_with_it(tmp_path: Path) -> None:
    LogFile(tmp_path / "risk.jsonl", bytes_max=100).write("x" * 89 + "\n")
    again = LogFile(tmp_path / "risk.jsonl", bytes_max=100)
    again.write("second\n")
    assert len(lines(tmp_path / "risk.jsonl")) == 2
    again.write("third\n")
    again.write("fourth\n")
    assert lines(tmp_path / "risk.jsonl") == ["fourth"]


def test_where_it_cannot_be_put_aside_lines_are_written_on(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("in the way")
    file = LogFile(tmp_path / "risk.jsonl", bytes_max=10)
    for number in range(5):
        file.write(f"line {number}\n")
    assert len(lines(tmp_path / "risk.jsonl")) == 5
    assert file.dropped == 0
