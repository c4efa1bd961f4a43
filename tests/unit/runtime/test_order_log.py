"""Log lines about orders carry what a search for them needs."""

import json
from pathlib import Path

import structlog
from penstock_kernel.tracing import root
from penstock_runtime import logs
from penstock_runtime.order_log import OrderLog
from support.messages import approved, done, fill


def test_a_line_has_trace_strategy_instrument_and_order(tmp_path: Path) -> None:
    before = structlog.get_config()
    try:
        logs.configure("risk", tmp_path / "risk.jsonl")
        context = root("s-1", "risk", 1, 7)
        lines = OrderLog()
        for message in (approved(order_id="o-7"), fill(order_id="o-7"), done()):
            lines.made(message, context)
        assert not (tmp_path / "risk.jsonl").read_text(), "nothing is written before it is asked for"
        lines.write()
        lines.write()
    finally:
        structlog.configure(**before)
        structlog.contextvars.clear_contextvars()
    first, second = map(json.loads, (tmp_path / "risk.jsonl").read_text().splitlines())
    assert (first["event"], second["event"]) == ("order_approved", "fill")
    for line in (first, second):
        assert line["trace_id"] == context.split("-")[1]
        assert line["order"] == "o-7"
        assert line["service"] == "risk"
        assert {"strategy", "instrument", "quantity", "level", "timestamp"} <= set(line)
