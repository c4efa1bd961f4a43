"""Giving a command: written to the log, answered with what came of it, once for each idempotency key.

A command's id is a function of the session, the caller and the key that came with it. So whoever asks again
with the same key finds the command in the log, and gets the answer that the log has: after a restart of the
api too, and from any copy of it. What the replica has forgotten is in the audit.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from typing import Any

from fastapi import Request, Response
from penstock_contracts.control import Audited, Command, Verb
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.signals import Note
from penstock_contracts.types import TradingState
from penstock_runtime.errors import Unavailable

from penstock_api.access.roles import Caller
from penstock_api.context import Context, context_of
from penstock_api.problems import Problem
from penstock_api.replica import COMMANDS_MAX, Answer
from penstock_api.views.commands import CommandAnswer

_NS_PER_S = 1_000_000_000
_COMPARED = (
    "verb", "reason", "venue", "instrument", "underlying", "strategy", "order_id", "override", "arguments",
    "order",
)  # fmt: skip
"""What two commands must have in common to be the same one, asked for twice."""


class Given:
    """The commands that this process wrote last: another with the same key may come before they are read."""

    def __init__(self) -> None:
        self._commands: OrderedDict[str, Command] = OrderedDict()

    def get(self, command_id: str) -> Command | None:
        """The command of an id, if it is one of the last."""
        return self._commands.get(command_id)

    def add(self, command: Command) -> None:
        """Keep a command."""
        self._commands[command.command_id] = command
        if len(self._commands) > COMMANDS_MAX:
            self._commands.popitem(last=False)

    def forget(self, command: Command) -> None:
        """It was not written: whoever asks again may write it."""
        self._commands.pop(command.command_id, None)


async def give(
    request: Request, response: Response, verb: Verb, reason: str, key: str | None, **fields: Any
) -> CommandAnswer:
    """Write a command and wait for its answer; of a key that was used, give the answer that it got.

    Problem 409 when it is refused, or when the key came with another command.
    """
    context = context_of(request)
    session = context.feed.replica.session.session_id
    if not session:
        raise Unavailable("the log is still being read from the session's beginning")
    caller: Caller = request.state.caller
    now = time.time_ns()
    command = Command(
        command_id=_command_id(session, caller, key),
        verb=verb,
        ts_issued=now,
        ts_expires=now + int(context.config.command_expiry_s * _NS_PER_S),
        by=caller.name,
        reason=reason,
        origin=f"api {caller.address}",
        **fields,
    )
    if key is None or not await _was_given(context, command):
        context.given.add(command)
        try:
            await context.log.publish_command(command)
        except Unavailable:
            context.given.forget(command)
            raise
    answer = await context.feed.answer(command.command_id, context.config.command_timeout_s)
    _compare(context.feed.replica.commands.get(command.command_id), command)
    return _answered(context, response, command, answer)


def _command_id(session: str, caller: Caller, key: str | None) -> str:
    if key is None:
        return f"c-{secrets.token_hex(10)}"
    return "i-" + hashlib.sha256(f"{session}\n{caller.name}\n{key}".encode()).hexdigest()[:32]


async def _was_given(context: Context, command: Command) -> bool:
    """Whether the log has the command already. Problem 409 when it has another one under this key."""
    known = context.feed.replica.commands.get(command.command_id) or context.given.get(command.command_id)
    if known is not None:
        _compare(known, command)
        return True
    if len(context.feed.replica.commands) < COMMANDS_MAX:
        return False
    session = context.feed.replica.session.session_id
    if not await context.records.audited(session, command.command_id):
        return False
    raise Problem(409, "this idempotency key was used long ago; the audit tells what came of it")


def _compare(known: Command | None, command: Command) -> None:
    if known is not None and any(getattr(known, name) != getattr(command, name) for name in _COMPARED):
        raise Problem(
            409,
            "this idempotency key was used with another command",
            more={"command_id": known.command_id},
        )


def _answered(context: Context, response: Response, command: Command, answer: Answer | None) -> CommandAnswer:
    command_id = command.command_id
    state = context.feed.replica.trading_state
    if answer is None:
        response.status_code = 202
        return CommandAnswer(command_id=command_id, outcome="pending", state=state)
    if isinstance(answer, Audited):
        raise Problem(
            409, f"{answer.outcome}: {answer.reason}", more={"command_id": command_id, "state": state}
        )
    if isinstance(answer, Note):
        if answer.level == "warning":
            raise Problem(409, answer.text, more={"command_id": command_id, "state": state})
        return CommandAnswer(
            command_id=command_id, outcome="accepted", state=state, reason=answer.text, ts=answer.ts
        )
    return _by_risk(answer, command_id)


def _by_risk(answer: TradingStateChanged, command_id: str) -> CommandAnswer:
    if not answer.accepted:
        told: dict[str, Any] = {name: getattr(answer, name) for name in ("rule", "limit", "value")}
        broken = {name: str(value) for name, value in told.items() if value is not None}
        raise Problem(409, answer.reason, more={"command_id": command_id, "state": answer.state, **broken})
    return CommandAnswer(
        command_id=command_id,
        outcome="accepted",
        state=TradingState(answer.state),
        previous=TradingState(answer.previous),
        reason=answer.reason,
        holds=tuple(answer.holds),
        ts=answer.ts,
        order_id=answer.order_id,
        rule=answer.rule,
        limit=answer.limit,
        value=answer.value,
    )
