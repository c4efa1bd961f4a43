"""A resting order in a book: updates that leave it alone pass together, and nothing changes by that."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from penstock_execution.paper import calm
from penstock_research.chained import run_chained

from bench.peers import data
from bench.peers.ours import Prepared, document_of, rows_of
from bench.peers.works import WORKS

UPDATES = 6_000


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    """A passive strategy that replaces its order every second of a minute."""
    work = replace(WORKS["books-every-update"], parameters={"every_ns": 1_000_000_000})
    return document_of(work, data.write(tmp_path / "btc-usdt.parquet", data.books(UPDATES)))


def _rows(document: dict[str, Any]) -> dict[str, list[str]]:
    made: dict[str, list[Any]] = {"strategy": [], "risk": [], "execution": []}

    def keep(producer: str, messages: list[Any]) -> None:
        if producer != "features":
            made[producer] += messages

    Prepared(document).run(keep)
    return rows_of([each for kept in made.values() for each in kept])


def test_updates_that_pass_together_give_what_single_ones_give(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = _rows(document)
    assert int(together["fills"][0]) >= 20
    monkeypatch.setattr(calm, "_all_rest", lambda *_: False)
    assert _rows(document) == together


def test_a_book_in_runs_gives_what_the_lockstep_path_gives(document: dict[str, Any]) -> None:
    made = run_chained(document, runs=False).outputs
    single = rows_of([each for stage in ("strategy", "risk", "execution") for each in made[stage]])
    assert _rows(document) == single


def test_calm_pieces_are_found(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[calm.Piece] = []
    pieces = calm.pieces

    def watched(*given: Any) -> Any:
        for piece in pieces(*given):
            found.append(piece)
            yield piece

    monkeypatch.setattr("penstock_execution.paper.continuous.pieces", watched)
    _rows(document)
    assert sum(each.calm for each in found) > 50
