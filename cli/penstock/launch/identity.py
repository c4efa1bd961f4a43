"""Whether a session that goes on has the log that it had: asked before any service starts."""

from penstock_runtime.log import Log
from penstock_runtime.witness import Witness, check, describe

from penstock.errors import CannotRun
from penstock.launch.paths import SessionFolder


async def begin(log: Log, folder: SessionFolder) -> None:
    """Describe the log of a session that has just begun. CannotRun when that cannot be written."""
    witness = Witness(folder.path)
    try:
        witness.write(await describe(log, folder.session_id))
    except OSError as error:
        raise CannotRun(f"{witness.path}: {error.strerror or error}") from error


async def recognise(log: Log, folder: SessionFolder) -> str:
    """Compare the log with its witness; returns what the operator should know, mostly nothing.

    LogLost when it is another or ends too early.
    """
    witness = Witness(folder.path)
    known = witness.read()
    if known is None:
        await begin(log, folder)
        return "this session had no witness of its log; the log is taken as it is"
    return await check(log, known, witness.snapshots())
