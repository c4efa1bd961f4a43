"""A report validates, and whatever is tampered with is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock_research.report.manifest import digest
from penstock_research.report.validate import UnreadableReport, validate_folder
from support.cli import report_of, resolved, run_chained, write_bars, write_report


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    bars = write_bars(folder / "btc-perp-1m.csv")
    chosen = resolved(f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]')
    return write_report(run_chained(chosen), folder)


@pytest.fixture
def report(original: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    for file in original.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def findings(folder: Path) -> list[str]:
    return [str(each) for each in validate_folder(folder)]


def sign(folder: Path) -> None:
    """Write the hashes anew, as somebody would who does not want to be found."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: digest((folder / name).read_bytes()) for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change_event(folder: Path, kind: str, change: Callable[[dict[str, Any]], object], which: int = 2) -> None:
    """Change one event of a kind, and hide it from the hashes."""
    lines = (folder / "events.jsonl").read_text().splitlines()
    places = [at for at, line in enumerate(lines) if json.loads(line)["type"] == kind]
    event = json.loads(lines[places[which]])
    change(event["data"])
    lines[places[which]] = json.dumps(event, separators=(",", ":"))
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n")
    sign(folder)


def change_report(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    report = json.loads((folder / "final_report.json").read_text())
    change(report)
    (folder / "final_report.json").write_text(json.dumps(report))
    sign(folder)


def test_a_report_of_a_real_run_validates(original: Path) -> None:
    report = report_of(original)
    assert report.fills > 20
    assert report.orders.filled > 10
    assert all(position.quantity == "0" for position in report.positions)
    assert findings(original) == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("ven.v1.fill", "price", "99.99"),
        ("ven.v1.fill", "quantity", "0.001"),
        ("ven.v1.fill", "fee", "0.00000001"),
        ("ven.v1.fill", "fee_currency", "EUR"),
        ("ven.v1.fill", "ts", 1_640_995_200_000_000_001),
        ("ven.v1.fill", "order_ordinal", 999),
        ("ven.v1.fill", "liquidity", "maker"),
        ("ord.v1.position", "quantity", "5"),
        ("ord.v1.position", "pnl_realized", "1000000"),
        ("ord.v1.position", "fees", "0"),
        ("ord.v1.position", "average_price", "1"),
        ("ord.v1.approved", "quantity", "123456"),
        ("ord.v1.approved", "strategy", "another"),
        ("ord.v1.approved", "ordinal", 77),
        ("ord.v1.pnl", "equity", "1"),
        ("ord.v1.pnl", "reserved", "-1"),
        ("sig.v1.signal", "ordinal", 55),
    ],
)
def test_a_tampered_event_is_found_although_the_hashes_were_written_anew(
    report: Path, kind: str, field: str, value: object
) -> None:
    change_event(report, kind, lambda data: data.update({field: value}))
    assert findings(report)


@pytest.mark.parametrize("kind", ["ven.v1.fill", "ord.v1.approved", "ord.v1.position", "sig.v1.signal"])
def test_a_removed_event_is_found(report: Path, kind: str) -> None:
    lines = (report / "events.jsonl").read_text().splitlines()
    at = next(at for at, line in enumerate(lines) if f'"{kind}"' in line)
    (report / "events.jsonl").write_text("\n".join(lines[:at] + lines[at + 1 :]) + "\n")
    sign(report)
    assert findings(report)


def test_an_order_turned_around_contradicts_its_fills(report: Path) -> None:
    change_event(
        report,
        "ord.v1.approved",
        lambda data: data.update(side="sell" if data["side"] == "buy" else "buy"),
    )
    assert any(each.startswith("I7") for each in findings(report))


def test_an_approval_above_its_limit_is_found(report: Path) -> None:
    def exceed(data: dict[str, Any]) -> None:
        data["checks"] = [{"rule": "order_notional", "limit": "1", "value": "2"}]

    change_event(report, "ord.v1.approved", exceed)
    assert any(each.startswith("I7") and "above 1" in each for each in findings(report))


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report["positions"][0].update(quantity="1"),
        lambda report: report["positions"].clear(),
        lambda report: report.update(fees="0"),
        lambda report: report.update(pnl_realized="1"),
        lambda report: report.update(equity_end="1"),
        lambda report: report.update(fills=report["fills"] + 1),
        lambda report: report.update(fills_hash="0" * 64),
        lambda report: report.update(stop_reason="drawdown"),
        lambda report: report["orders"].update(filled=0),
        lambda report: report["signals"].update(refused=3),
        lambda report: report.update(max_drawdown=None),
        lambda report: report.update(started_at="2020-01-01T00:00:00.000000Z"),
    ],
)
def test_a_tampered_figure_of_the_report_is_found(
    report: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    change_report(report, change)
    assert findings(report)


def test_a_file_that_was_not_written_by_the_run_is_found(report: Path) -> None:
    (report / "metrics.csv").write_text("time,equity\n")
    assert findings(report) == ["files: metrics.csv is not the file that was written"]


def test_a_configuration_other_than_that_of_the_genesis_is_found(report: Path) -> None:
    manifest = json.loads((report / "manifest.json").read_text())
    manifest["config"]["risk"]["trades_max"] = 1
    (report / "manifest.json").write_text(json.dumps(manifest))
    assert findings(report) == ["files: manifest.json holds another configuration than genesis"]


def test_a_broken_file_is_named_with_its_line(report: Path) -> None:
    lines = (report / "events.jsonl").read_text().splitlines()
    lines[3] = "{"
    (report / "events.jsonl").write_text("\n".join(lines))
    with pytest.raises(UnreadableReport, match=r"events\.jsonl: line 4: not an event"):
        validate_folder(report)


def test_a_folder_without_a_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableReport, match=r"final_report\.json: No such file"):
        validate_folder(tmp_path)
