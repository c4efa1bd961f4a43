"""One row: the lockstep path's rows, then the engines in turns."""

from pathlib import Path
from statistics import median
from typing import Any

from bench.peers.compare import compare, fills_agree
from bench.peers.data import read
from bench.peers.environment import in_process, read_result
from bench.peers.prepare import prepare
from bench.peers.works import CAPITAL, DEFINITIONS, LOCKSTEP_MARKS, Work


def measure(work: Work, folder: Path, peers: Path, pairs: int, *, quick: bool) -> dict[str, Any]:
    """The row for `peers.json`. ValueError when ours put out something else than the lockstep path."""
    file = prepare(folder, work.data, quick=quick)
    in_process(None, work.ours, work.name, str(folder), "--lockstep")
    expected = read_result(folder / f"{work.name}.lockstep.json")["rows"]
    ours: list[dict[str, Any]] = []
    peer: list[dict[str, Any]] = []
    for turn in range(pairs):
        # Who goes first alternates as well.
        for mine in (True, False) if turn % 2 == 0 else (False, True):
            if mine:
                in_process(None, work.ours, work.name, str(folder))
                ours.append(read_result(folder / f"{work.name}.ours.json"))
            else:
                in_process(peers, f"peer_{work.peer}", work.name, str(folder))
                peer.append(read_result(folder / f"{work.name}.peer.json"))
    for each in ours:
        if each["beginning"] != expected:
            raise ValueError(f"{work.name}: puts out something else than the lockstep path")
    return _row(work, ours, peer) | {
        "lockstep_marks": LOCKSTEP_MARKS,
        "lockstep": {name: int(count) for name, (count, _) in expected.items()},
        "comparison": _comparison(ours[0], peer[0], file),
        "differs_by_definition": " ".join(DEFINITIONS[work.peer]),
    }


def _row(work: Work, ours: list[dict[str, Any]], peer: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates and ratios: of the warm runs, and beside them of the cold ones."""
    rates: dict[str, list[list[float]]] = {}
    for name, at in (("cold", 0), ("warm", 1)):
        rates[name] = [[each["events"] / each["runs_s"][at] for each in side] for side in (ours, peer)]
    ratios = {
        name: [mine / theirs for mine, theirs in zip(*sides, strict=True)] for name, sides in rates.items()
    }
    return {
        "title": work.title,
        "peer": work.peer,
        "events": ours[0]["events"],
        "unit": work.unit,
        "ours_per_s": median(rates["warm"][0]),
        "peer_per_s": median(rates["warm"][1]),
        "ratio": median(ratios["warm"]),
        "ratio_cold": median(ratios["cold"]),
        "ratios": ratios["warm"],
        "ratio_cpu": median(
            theirs["cpu_s"][1] / mine["cpu_s"][1] * mine["events"] / theirs["events"]
            for mine, theirs in zip(ours, peer, strict=True)
        ),
        "must": work.must,
        "aim": work.aim,
        "rates": {name: {"ours": sides[0], "peer": sides[1]} for name, sides in rates.items()},
        "load_s": {
            "ours": [each["load_s"] for each in ours], "peer": [each["load_s"] for each in peer],
        },
    }  # fmt: skip


def _comparison(ours: dict[str, Any], peer: dict[str, Any], file: Path) -> dict[str, Any]:
    found: dict[str, Any]
    if "fills_count" in ours:  # of many runs: their sum, and the mean of their final equity
        pair = (ours, peer)
        found = {
            "fills": [each["fills_count"] for each in pair],
            "equity_final": [each["equity_final"] for each in pair],
        }
    else:
        found = compare(ours["fills"], peer["fills"], read(file), CAPITAL)
    return found | {"fills_agree": fills_agree(found["fills"])}
