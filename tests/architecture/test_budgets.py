from __future__ import annotations

from pathlib import Path

import budgets


def function_of(lines: int, name: str = "f") -> str:
    return f"def {name}():\n" + "    pass\n" * (lines - 1)


def test_small_files_and_functions_pass(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(function_of(39))
    assert budgets.check([tmp_path]) == []


def test_a_function_over_seventy_lines_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("".join(function_of(2, f"f{number}") for number in range(40)))
    (tmp_path / "b.py").write_text("class C:\n    async def long(self):\n" + "        pass\n" * 70)
    headline, offender = budgets.check([tmp_path])
    assert headline == "no function may have more than 70 lines:"
    assert offender.endswith("b.py:2 long")


def test_one_long_function_in_twenty_is_allowed_and_two_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("".join(function_of(2, f"f{number}") for number in range(19)))
    (tmp_path / "b.py").write_text(function_of(40))
    assert budgets.check([tmp_path]) == []
    (tmp_path / "c.py").write_text(function_of(41))
    assert [line.split()[-1] for line in budgets.check([tmp_path])] == ["may:", "f", "f"]


def test_a_median_file_of_120_lines_is_too_much(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("pass\n" * 120)
    (tmp_path / "__init__.py").write_text("")
    assert budgets.check([tmp_path])[0].startswith("the median file has 120 lines")


def test_files_of_400_lines_are_counted(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.py").write_text("pass\n")
    (tmp_path / "long.py").write_text("pass\n" * 400)
    assert budgets.check([tmp_path])[0].startswith("1 of 4 files have 400 lines or more")
