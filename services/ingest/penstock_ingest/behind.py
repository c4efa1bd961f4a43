"""Looks after readers that fall behind: a replay waits for them, and at 1x trading halts."""

import asyncio
import secrets
import time
from collections.abc import Callable

import structlog
from penstock_contracts.control import Command
from penstock_runtime import edge
from penstock_runtime.errors import Unavailable
from penstock_runtime.health import Health
from penstock_runtime.log import Log
from penstock_runtime.readers import LOOK_S

from penstock_ingest.answers import Answers

_log = structlog.get_logger(__name__)

_HALT_EXPIRES_NS = 60_000_000_000


async def watch(
    log: Log, answers: Answers, health: Health, rouse: Callable[[], None], *, realtime: bool
) -> None:
    """Say so when a reader falls too far behind; where the market does not wait, write a halt. For ever."""
    while True:
        await edge.wait_at_most(answers.readers.due, LOOK_S)
        behind = await answers.readers.look(lambda: answers.slowest)
        rouse()
        if behind is None:
            await asyncio.sleep(LOOK_S)
        if not behind:
            continue
        if not realtime:
            _log.info("held_back", who=behind)
            continue
        _log.error("reader_behind", who=behind)
        health.errors += 1
        health.error = behind
        await _write_halt(log, behind)


async def _write_halt(log: Log, why: str) -> None:
    """As soon as the log takes it: one that reached it unanswered comes twice, which halts no more."""
    while True:
        try:
            await log.publish_command(_halt(why))
        except Unavailable as error:
            _log.warning("halt_waits", error=str(error))
            await asyncio.sleep(LOOK_S)
        else:
            return


def _halt(why: str) -> Command:
    now = time.time_ns()
    return Command(
        command_id=f"c-{secrets.token_hex(10)}",
        verb="halt",
        ts_issued=now,
        ts_expires=now + _HALT_EXPIRES_NS,
        by="ingest",
        reason=why,
    )
