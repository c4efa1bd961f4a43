"""`penstock new strategy` writes what works; `penstock check-strategy` finds what is not pure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from penstock.errors import CHECK_FAILED, CONFIG
from penstock.main import run

IMPURE = """
from penstock_strategy import Needs, NoState, Parameters, Strategy

class Mine(Strategy[Parameters, NoState]):
    def declare(self):
        return Needs(bars=self.bars())

    def on_bar(self, bar):
        {line}
"""


def written(folder: Path, line: str) -> str:
    (folder / "mine.py").write_text(IMPURE.format(line=line))
    return f"{folder}/mine.py:Mine"


def found(capsys: pytest.CaptureFixture[str], source: str) -> dict[str, list[object]]:
    assert run(["check-strategy", source, "--json"]) == CHECK_FAILED
    document: dict[str, list[object]] = json.loads(capsys.readouterr().out)
    return document


def test_a_new_strategy_passes_its_test_and_its_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", "strategy", "my_first", "--dir", str(tmp_path)]) == 0
    assert "penstock paper --strategy" in capsys.readouterr().out
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_first.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
    assert "4 passed" in tested.stdout
    assert run(["check-strategy", f"{tmp_path}/my_first.py:MyFirst:period=10"]) == 0
    assert "three runs gave the same" in capsys.readouterr().out


def test_files_that_exist_are_left_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_mine.py").write_text("mine")
    assert run(["new", "strategy", "mine", "--dir", str(tmp_path)]) == CHECK_FAILED
    assert "test_mine.py exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]


@pytest.mark.parametrize("name", ["Mine", "../mine", "my-strategy", "class", "1st", "é"])
def test_a_name_that_is_none_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", "strategy", name, "--dir", str(tmp_path)]) == CONFIG
    assert "is no name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_reading_names_the_line_and_a_second_run_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "return self.long(bar.instrument, fraction=__import__('random').random())"
    document = found(capsys, written(tmp_path, line))
    assert [(each["line"], each["rule"]) for each in document["impurities"]] == [(9, "outside")]  # type: ignore[index]
    assert [str(each).partition(" differs")[0] for each in document["differences"]] == [
        "a second run", "a run restored from a snapshot every 7 bars",
    ]  # fmt: skip


def test_the_order_of_a_set_that_reading_cannot_see_shows_in_another_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "return self.note(' '.join({str(number) for number in range(9)}))"
    document = found(capsys, written(tmp_path, line))
    assert document["impurities"] == []
    assert [str(each).partition(" differs")[0] for each in document["differences"]] == ["a second run"]


def test_state_that_is_not_declared_shows_after_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (
        "seen = self.parameters.__dict__; seen['n'] = seen.get('n', 0) + 1; return self.note(str(seen['n']))"
    )
    document = found(capsys, written(tmp_path, line))
    assert document["impurities"] == []
    assert [str(each).partition(" differs")[0] for each in document["differences"]] == [
        "a run restored from a snapshot every 7 bars"
    ]


def test_what_a_strategy_raises_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = found(capsys, written(tmp_path, "return bar['nothing']"))
    (error,) = document["errors"]
    assert str(error).startswith("mine.py:9: KeyError: 'nothing' in on_bar")


@pytest.mark.parametrize(
    ("source", "code", "text"),
    [("no_such", CONFIG, "unknown strategy"), ("ma_cross:fast=0", CONFIG, "parameter fast must be")],
)
def test_a_strategy_that_cannot_be_loaded_is_told(
    source: str, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check-strategy", source]) == code
    assert text in capsys.readouterr().err
