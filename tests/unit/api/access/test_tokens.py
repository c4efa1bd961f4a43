import os
import time
from pathlib import Path

import pytest
from penstock_api.access.roles import Role
from penstock_api.access.tokens import PREFIX, TokenExists, TokenFile
from penstock_runtime.errors import BadConfiguration

DAY_NS = 86_400 * 10**9


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "data" / "tokens.json")


def test_a_token_is_known_by_its_hash_only(tokens: TokenFile) -> None:
    token = tokens.add("desk", Role.OPERATOR)
    assert token.startswith(PREFIX)
    assert token not in tokens.path.read_text()
    assert token.removeprefix(PREFIX) not in tokens.path.read_text()
    found = tokens.find(token, time.time_ns())
    assert found is not None
    assert (found.name, found.role) == ("desk", Role.OPERATOR)
    assert tokens.find(token + "x", time.time_ns()) is None
    assert tokens.find(found.hash, time.time_ns()) is None


def test_only_the_owner_may_read_the_file(tokens: TokenFile) -> None:
    tokens.add("desk", Role.VIEWER)
    assert tokens.path.stat().st_mode & 0o777 == 0o600
    tokens.path.chmod(0o640)
    with pytest.raises(BadConfiguration, match="others may read"):
        TokenFile(tokens.path).any()


def test_a_running_api_sees_a_token_added_or_revoked_by_another_process_at_once(tokens: TokenFile) -> None:
    api = TokenFile(tokens.path)
    assert not api.exists()
    token = tokens.add("desk", Role.VIEWER)
    assert api.find(token, time.time_ns()) is not None
    assert tokens.revoke("desk")
    assert api.find(token, time.time_ns()) is None
    assert api.exists(), "without a token left nobody gets in"
    assert not tokens.revoke("desk")


def test_a_name_is_taken_once(tokens: TokenFile) -> None:
    tokens.add("desk", Role.VIEWER)
    with pytest.raises(TokenExists, match="there is a token desk"):
        tokens.add("desk", Role.RISK_ADMIN)
    assert [each.role for each in tokens.all()] == [Role.VIEWER]


def test_a_token_expires(tokens: TokenFile) -> None:
    token = tokens.add("desk", Role.VIEWER, days=1)
    now = time.time_ns()
    assert tokens.find(token, now) is not None
    assert tokens.named("desk", now) is not None
    assert tokens.find(token, now + 2 * DAY_NS) is None
    assert tokens.named("desk", now + 2 * DAY_NS) is None


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1, "tokens": [{"name": "desk"}]}', '{"role": 1}'])
def test_a_file_that_cannot_be_understood_lets_nobody_in(tokens: TokenFile, content: str) -> None:
    tokens.add("desk", Role.VIEWER)
    with os.fdopen(os.open(tokens.path, os.O_WRONLY | os.O_TRUNC), "w") as file:
        file.write(content)
    with pytest.raises(BadConfiguration):
        TokenFile(tokens.path).find("pst_x", 1)


def test_roles_include_those_below() -> None:
    allowed = {role: [each for each in Role if role.allows(each)] for role in Role}
    assert allowed == {
        Role.VIEWER: [Role.VIEWER],
        Role.OPERATOR: [Role.VIEWER, Role.OPERATOR],
        Role.RISK_ADMIN: [Role.VIEWER, Role.OPERATOR, Role.RISK_ADMIN],
    }
