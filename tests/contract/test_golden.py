"""What was once written decodes for ever, and says the same."""

import json
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from penstock_contracts.base import MessageType, message_types
from penstock_contracts.catalog import message_type
from penstock_contracts.codec import decode, encode
from penstock_contracts.headers import PRODUCER, RECEIVED, TIME, TRACEPARENT, TYPE, Origin, origin_in, parse
from penstock_contracts.subjects import key_of, subject
from penstock_contracts.subjects import parse as parse_subject
from support.golden import FOLDER, Golden, corpus, goldens, sums

CORPUS = corpus()
IDS = [golden.path.stem for golden in CORPUS]


@pytest.mark.parametrize("entry", message_types(), ids=lambda entry: entry.name)
def test_every_registered_type_has_a_golden_message(entry: MessageType) -> None:
    assert goldens(entry), "add an example and run python -m support.golden"


@pytest.mark.parametrize("golden", CORPUS, ids=IDS)
def test_a_golden_message_decodes_and_is_written_again_as_it_was(golden: Golden) -> None:
    entry = golden.entry
    again = encode(decode(entry.family, entry.kind, entry.major, golden.body))
    if not entry.columns:
        assert says_all_of(json.loads(again), json.loads(golden.body))
        return
    before, after = split(golden.body), split(again)
    assert says_all_of(after[0], before[0])
    assert after[1] == before[1]


def test_without_newer_fields_the_bytes_are_the_same() -> None:
    newest = [goldens(entry)[-1] for entry in message_types()]
    for golden in newest:
        entry = golden.entry
        assert encode(decode(entry.family, entry.kind, entry.major, golden.body)) == golden.body, entry.name


@pytest.mark.parametrize("golden", CORPUS, ids=IDS)
def test_a_golden_message_is_found_by_its_subject_and_headers(golden: Golden) -> None:
    where, block = golden.headers
    entry, headers, parts = golden.entry, parse(block), parse_subject(where)
    assert parts is not None
    assert message_type(parts.family, parts.kind, parts.major) is entry
    message = decode(entry.family, entry.kind, entry.major, golden.body)
    assert subject(0, entry.family, entry.major, entry.kind, key_of(message)) == where
    assert headers[TYPE] == entry.name
    assert headers[TIME] == "2022-01-01T12:00:00.000000000Z"
    if entry.family == "ctl":
        assert origin_in(block) is None
    else:
        assert origin_in(block) == Origin(headers[PRODUCER], 42, 1_204)
        assert headers[RECEIVED] == "1641038400001250000"
        assert headers[TRACEPARENT] == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_no_golden_file_was_changed_removed_or_slipped_in() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"SHA256SUMS", ".gitattributes"}
    assert files == set(sums())
    for name, digest in sums().items():
        assert sha256((FOLDER / name).read_bytes()).hexdigest() == digest, f"{name} was changed"


def test_the_values_of_a_golden_batch_are_those_that_were_written() -> None:
    (golden, *_) = goldens(message_type("feat", "bar", 1) or pytest.fail("feat.bar.v1 is gone"))
    bars = decode("feat", "bar", 1, golden.body)
    assert bars.names == ("fast", "slow")
    assert bars.close.tolist() == [4_630_150, 4_630_001]
    assert bars.flags.tolist() == [0, 2]
    np.testing.assert_array_equal(bars.values, [[46_301.5, np.nan], [46_300.75, 46_310.125]])
    assert not bars.close.flags.writeable


def says_all_of(now: Any, then: Any) -> bool:
    """Whether `now` has everything that `then` says; fields that came later may be there too."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(key in now and says_all_of(now[key], then[key]) for key in then)
    if isinstance(then, list):
        return (
            isinstance(now, list)
            and len(now) == len(then)
            and all(says_all_of(*pair) for pair in zip(now, then, strict=True))
        )
    return type(now) is type(then) and now == then


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and columns of a columnar message."""
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length]), data[4 + length :]
