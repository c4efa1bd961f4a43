"""What the streams may take."""

import pytest
from penstock.launch.servers import STORE_BYTES
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.log.streams import STORE_SHARE_MAX, StreamLimits, configurations


def test_the_default_limits_leave_room_in_the_store() -> None:
    limits = StreamLimits()
    limits.fit(STORE_BYTES)
    assert limits.bytes_total <= STORE_SHARE_MAX * STORE_BYTES


def test_limits_that_fill_the_store_are_refused_and_named() -> None:
    limits = StreamLimits(bytes_max=STORE_BYTES)
    with pytest.raises(BadConfiguration, match=r"log\.bytes_max"):
        limits.fit(STORE_BYTES)


def test_every_stream_has_a_limit_of_bytes_and_the_total_counts_each() -> None:
    limits = StreamLimits()
    made = configurations(0, limits)
    assert all(each.max_bytes for each in made)
    snapshots = limits.bytes_total - sum(each.max_bytes or 0 for each in made)
    assert snapshots == 1 << 30


def test_the_server_never_removes_from_the_log_by_age_what_nobody_has_archived() -> None:
    assert [each.name for each in configurations(0, StreamLimits()) if not each.max_age] == ["FLOW-0"]
