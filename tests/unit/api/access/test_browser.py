from pathlib import Path

import pytest
from penstock_api.access.browser import KEY_FILE, Cookies

NOW = 1_000
LATER = 2_000


def test_a_cookie_says_whose_it_is_until_it_expires(tmp_path: Path) -> None:
    cookies = Cookies(tmp_path)
    value, signed = cookies.make("desk", "hash", LATER)
    assert cookies.name_in(value) == "desk"
    assert cookies.read(value, "hash", NOW) == signed
    assert cookies.read(value, "hash", LATER) is None
    assert signed.csrf not in value


@pytest.mark.parametrize("at", [0, 6, 12, 30, -1])
def test_a_cookie_that_was_touched_is_none(tmp_path: Path, at: int) -> None:
    cookies = Cookies(tmp_path)
    value, _ = cookies.make("desk", "hash", LATER)
    touched = list(value)
    touched[at] = "0" if touched[at] != "0" else "1"
    assert cookies.read("".join(touched), "hash", NOW) is None


def test_another_token_of_the_same_name_does_not_take_its_cookies_over(tmp_path: Path) -> None:
    cookies = Cookies(tmp_path)
    value, _ = cookies.make("desk", "hash", LATER)
    assert cookies.read(value, "another hash", NOW) is None


def test_a_restart_signs_nobody_out_and_another_data_directory_knows_nobody(tmp_path: Path) -> None:
    value, signed = Cookies(tmp_path).make("desk", "hash", LATER)
    assert Cookies(tmp_path).read(value, "hash", NOW) == signed
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert Cookies(None).read(value, "hash", NOW) is None


def test_two_cookies_of_one_token_differ(tmp_path: Path) -> None:
    cookies = Cookies(tmp_path)
    first, second = cookies.make("desk", "hash", LATER), cookies.make("desk", "hash", LATER)
    assert first[0] != second[0]
    assert first[1].csrf != second[1].csrf


@pytest.mark.parametrize("value", ["", "desk", "desk~1~2~3", "~~~", "a~1~" + "0" * 16 + "~" + "g" * 64])
def test_anything_else_is_no_cookie(tmp_path: Path, value: str) -> None:
    assert Cookies(tmp_path).read(value, "hash", NOW) is None
    assert Cookies(tmp_path).name_in(value) is None
