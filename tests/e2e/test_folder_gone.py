"""Somebody deletes the data directory of a session that runs: it ends, says why, and leaves no process."""

from __future__ import annotations

import shutil

from e2e.conftest import User
from e2e.test_paper import finish, read_until
from support.cli import processes_below


def test_a_session_whose_folder_is_deleted_ends_and_says_so(user: User) -> None:
    process = user.start("paper", "--source", "synthetic", "--duration", "10m", "--fused")
    read_until(process, r"events/s \| equity \d")
    while not list(user.folder.glob(".penstock/sessions/*/postgres.url")):  # the database starts beside it
        read_until(process, r"events/s \| equity \d")
    shutil.rmtree(user.folder / ".penstock", ignore_errors=True)
    code, said = finish(process)
    assert code == 70, said
    assert "the log's folder is gone" in said
    assert processes_below(user.folder) == []
