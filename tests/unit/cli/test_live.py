from typing import Any

import pytest
from penstock.errors import ConfigError
from penstock.launch.live import check_live


def document(venue: str = "live", gateway: str = "fake-venue-for-tests", speed: str = "1x") -> dict[str, Any]:
    return {"execution": {"venue": venue, "live": {"gateway": gateway}}, "ingest": {"speed": speed}}


def test_live_needs_the_flag_and_a_venue() -> None:
    check_live(document(), live=True, fused=False, standby=False)
    check_live(document("paper", "none"), live=False, fused=False, standby=False)


@pytest.mark.parametrize(
    ("given", "options", "text"),
    [
        (document("paper", "none"), {"live": True}, "--live: no venue is configured"),
        (document("paper"), {"live": True}, "execution.venue is paper"),
        (document(), {}, "execution.venue: live orders leave only with the flag"),
        (document(gateway="none"), {"live": True}, "execution.live.gateway: no venue is configured"),
        (document(), {"live": True, "fused": True}, "one writer"),
        (document(), {"live": True, "standby": True}, "one writer"),
        (document(speed="60x"), {"live": True}, "ingest.speed: 60x"),
    ],
)
def test_anything_in_between_is_refused(given: dict[str, Any], options: dict[str, bool], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as refused:
        check_live(given, **{"live": False, "fused": False, "standby": False, **options})
    assert refused.value.exit_code == 78
