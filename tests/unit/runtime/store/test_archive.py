"""What the archive writes, it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_runtime.errors import Halt
from penstock_runtime.log.past import Raw, passes
from penstock_runtime.store.archive import pack, unpack

MESSAGES = st.lists(
    st.tuples(st.integers(0, 2**63), st.text(max_size=40), st.binary(max_size=60), st.binary(max_size=200)),
    max_size=20,
)


@given(messages=MESSAGES)
def test_messages_come_back_byte_for_byte(messages: list[Raw]) -> None:
    assert unpack(pack(messages)) == messages


@given(messages=MESSAGES.filter(bool), cut=st.integers(1, 30))
def test_a_run_that_is_cut_off_is_no_run(messages: list[Raw], cut: int) -> None:
    with pytest.raises(Halt, match="cannot be read"):
        unpack(pack(messages)[:-cut])


def test_a_subject_passes_a_filter_as_on_the_server() -> None:
    filters = ("p0.md.>", "p0.ctl.*.session.>", "p0.ctl.*.claim.*.ingest")
    assert passes(filters, "p0.md.v1.trade.binance.btc-usdt")
    assert passes(filters, "p0.ctl.v1.session._.genesis")
    assert passes(filters, "p0.ctl.v1.claim._.ingest")
    assert not passes(filters, "p0.ctl.v1.claim._.execution")
    assert not passes(filters, "p0.ctl.v1.command._._")
    assert not passes(filters, "p0.mdx.v1.trade.binance.btc-usdt")
