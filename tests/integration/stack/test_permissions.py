"""One door for orders, kept by the log's server: who may publish what, and what becomes of who tries."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from penstock_contracts import subjects
from penstock_runtime.errors import NotPermitted
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.log.permissions import SERVICES, USERS
from penstock_runtime.snapshots import SnapshotStore
from support.permits import permitting_server, refused, url_of

APPROVED = "p0.ord.v1.approved.synthetic.btc-usdt"
OWNERS = {
    "p0.md.v1.trade.synthetic.btc-usdt": {"ingest"},
    "p0.feat.v1.row.synthetic.btc-usdt": {"features"},
    "p0.sig.v1.signal.synthetic.btc-usdt": {"strategy"},
    APPROVED: {"risk"},
    "p0.ven.v1.fill.synthetic.btc-usdt": {"execution"},
    "submissions.p0.binance.o-1": {"execution"},
    subjects.subject(0, "ctl", 1, "command"): {"operator", "ingest", "execution", "api"},
    subjects.claim_subject(0, "ingest"): {"operator", "ingest"},
    subjects.subject(0, "ctl", 1, "session", "genesis._"): {"operator"},
    subjects.subject(0, "ctl", 1, "session", "end._"): {"operator", "ingest"},
    "_INBOX.somebody-elses": set(),
    "$JS.API.STREAM.DELETE.FLOW-0": {"operator"},
    "$JS.API.STREAM.PURGE.FLOW-0": {"operator", "recorder"},
    "$JS.API.STREAM.PURGE.BOOKS-0": {"operator"},
    "$O.SNAPSHOTS-0.M.cmlzaw==": {"operator", "risk"},
    "penstock.p0.health.risk": {"risk"},
    "penstock.p0.progress.recorder": {"recorder"},
}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with permitting_server(tmp_path_factory.mktemp("permits")) as folder:
        yield folder


@pytest.mark.parametrize("user", USERS)
async def test_each_may_publish_what_is_theirs_and_nothing_else(credentials: Path, user: str) -> None:
    expected = [subject for subject, owners in OWNERS.items() if user not in owners]
    assert await refused(url_of(credentials, user), list(OWNERS)) == expected


async def test_every_family_has_one_publisher_of_numbered_outputs(credentials: Path) -> None:
    for family in ("md", "feat", "sig", "ord", "ven"):
        (subject,) = [each for each in OWNERS if each.startswith(f"p0.{family}.")]
        assert len(OWNERS[subject] & set(SERVICES)) == 1


async def test_a_refusal_is_named_where_the_service_measures_itself(credentials: Path) -> None:
    log = await Log.connect(url_of(credentials, "strategy"), name="strategy")
    log.publish_block(APPROVED, b"NATS/1.0\r\n\r\n", b"{}")
    log.flush()
    async with asyncio.timeout(60):
        while log.refusal is None:
            await asyncio.sleep(0.01)
    with pytest.raises(
        NotPermitted, match=r"^strategy: the log at 127\.0\.0\.1:\d+ refuses publish to .*p0\.ord"
    ):
        await log.publish_core("penstock.p0.health.strategy", b"{}")
    await log.close()


async def test_unknown_credentials_are_not_tried_for_ever(credentials: Path) -> None:
    wrong = url_of(credentials, "risk").replace("nats://risk:", "nats://risk:x")
    with pytest.raises(
        NotPermitted, match=r"^risk: the log at 127\.0\.0\.1:\d+ refuses its credentials"
    ) as told:
        await Log.connect(wrong, name="risk")
    assert wrong.partition("@")[0] not in str(told.value)


FORGER = """
import asyncio
from penstock_runtime.health import Health, report_for_ever
from penstock_runtime.log import Log
from penstock_runtime.process import run_process

async def run(settings, stop):
    log = await Log.connect(settings.nats_url, name="strategy")
    with log.refusals():
        log.publish_block(%r, b"NATS/1.0\\r\\n\\r\\n", b"{}")
        log.flush()
        await report_for_ever(Health("strategy"), log, lambda: None, 0.05)

run_process("strategy", run)
"""


async def test_a_strategy_that_publishes_an_approval_ends_with_77_and_the_log_holds_nothing(
    credentials: Path, tmp_path: Path
) -> None:
    operator = await Log.connect(url_of(credentials, "operator"), name="launcher")
    await operator.declare(StreamLimits())
    await SnapshotStore(operator).open()
    environment = {
        **os.environ,
        "PENSTOCK_CONFIG": str(tmp_path / "config.json"),
        "PENSTOCK_NATS_URL_FILE": str(credentials / "strategy" / "nats.url"),
    }
    forger = _run(FORGER % APPROVED, environment)
    assert forger.returncode == 77, forger.stderr
    assert f'refuses publish to "{APPROVED}"' in forger.stderr
    assert await operator.last_sequence() == 0
    await operator.close()


def _run(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
