"""How a session begins, or is found again: the streams, the genesis, the witness, and its record."""

import time

from penstock_contracts.control import Session
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.version import code_hash

from penstock.config.document import dump
from penstock.launch.identity import begin, recognise
from penstock.launch.paths import SessionRecord
from penstock.launch.plan import Plan


async def open_session(log: Log, plan: Plan) -> str:
    """Begin the plan's session on the log, or make sure that the log is the resumed one's.

    Returns what the operator should know, mostly nothing. LogLost when the log is another.
    """
    if plan.resume:  # the log holds it; services go on from their snapshots
        return await recognise(log, plan.folder)
    await log.declare(StreamLimits.model_validate(plan.document.get("log", {})))
    await log.write_session(
        Session(
            phase="genesis",
            session_id=plan.session.session_id,
            ts=time.time_ns(),
            config_hash=plan.config_hash,
            code_hash=code_hash(),
            config=dump(plan.document),
        )
    )
    await begin(log, plan.folder)
    return ""


def record_of(plan: Plan) -> SessionRecord:
    """The record of a session that runs by this plan, as it is before it is written."""
    return SessionRecord(
        session_id=plan.session.session_id,
        created_at=plan.folder.read().created_at if plan.resume else time.time_ns(),
        config_hash=plan.config_hash,
        profile=plan.profile,
        source=plan.source,
        strategies=plan.strategies,
        out=plan.out,
        fused=plan.fused,
        standby=plan.standby,
    )
