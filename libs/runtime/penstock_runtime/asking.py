"""Questions to the log's server whose answer may stay away."""

from collections.abc import Awaitable
from typing import TypeVar

from nats.errors import Error as NatsError
from nats.js.errors import APIError

from penstock_runtime.errors import Unavailable
from penstock_runtime.log.connection import reason

T = TypeVar("T")


async def answer(question: Awaitable[T]) -> T:
    """The answer to a question, such as `log.last_sequence()`. Unavailable when there is none."""
    try:
        return await question
    except (NatsError, APIError, TimeoutError) as error:
        raise Unavailable(f"the log does not answer: {reason(error)}") from error
