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


def test_a_log_too_small_for_what_is_on_its_way_is_refused_with_the_least_that_does() -> None:
    StreamLimits(bytes_max=5 << 19).hold(1)
    with pytest.raises(
        BadConfiguration, match=r"^log\.bytes_max: 2621439 bytes .* 1 instrument it needs at least 2621440$"
    ):
        StreamLimits(bytes_max=(5 << 19) - 1).hold(1)
    with pytest.raises(BadConfiguration, match=f"100 instruments it needs at least {52 << 20}"):
        StreamLimits(bytes_max=5 << 19).hold(100)


def test_every_stream_has_a_limit_of_bytes_and_the_total_counts_each() -> None:
    limits = StreamLimits()
    made = configurations(0, limits)
    assert all(each.max_bytes for each in made)
    snapshots = limits.bytes_total - sum(each.max_bytes or 0 for each in made)
    assert snapshots == 1 << 30


def test_the_server_never_removes_from_the_log_by_age_what_nobody_has_archived() -> None:
    assert [each.name for each in configurations(0, StreamLimits()) if not each.max_age] == ["FLOW-0"]
