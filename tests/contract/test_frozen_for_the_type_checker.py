"""Messages are not frozen when they run (that costs four times as much); the type checker holds them so."""

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
SCRIPT = """
from penstock_contracts.control import Claim
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import LimitCheck

claim = Claim(producer="ingest", nonce="n", succeeds=0)
claim.succeeds = 2  # E: "succeeds" defined in "Claim" is read-only
Claim("ingest", "n", 0)  # E: Too many positional arguments for "Claim"
Claim(producer="ingest", nonce="n")  # E: Missing named argument "succeeds"
Claim(producer="ingest", nonce="n", succeeds="0")  # E: incompatible type "str"; expected "int"
Claim(producer="ingest", nonce="n", succeeds=0, epoch=1)  # E: Unexpected keyword argument "epoch"

def edit(check: LimitCheck, instrument: Instrument) -> None:
    check.rule = "x"  # E: "rule" defined in "LimitCheck" is read-only
    instrument.inverse = True  # E: "inverse" defined in "Instrument" is read-only
"""


@pytest.mark.slow
def test_editing_a_message_or_building_it_wrong_is_a_type_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    script = tmp_path / "edits.py"
    script.write_text(SCRIPT)
    out, err, _ = api.run(["--no-error-summary", "--hide-error-context", str(script)])
    errors = {int(line.split(":")[1]): line for line in out.splitlines() if ": error:" in line}
    expected = {
        number: line.partition("# E: ")[2]
        for number, line in enumerate(SCRIPT.splitlines(), start=1)
        if "# E: " in line
    }
    assert errors.keys() == expected.keys(), out + err
    for number, text in expected.items():
        assert text in errors[number]
