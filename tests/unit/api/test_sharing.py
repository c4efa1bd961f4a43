"""A question is asked once for all who ask at once."""

import asyncio

import pytest
from penstock_api.sharing import FRESH_S, Shared
from penstock_runtime.errors import Unavailable


class Question:
    """Counts how often it is asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.error = error
        self.may_answer = asyncio.Event()

    async def ask(self) -> int:
        self.asked += 1
        asked = self.asked
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return asked


async def test_who_asks_while_it_is_being_asked_gets_the_same_answer() -> None:
    question = Question()
    shared = Shared(question.ask, lambda: 0.0)
    asking = [asyncio.create_task(shared.get()) for _ in range(10)]
    await asyncio.sleep(0)
    question.may_answer.set()
    assert await asyncio.gather(*asking) == [1] * 10


async def test_it_is_asked_again_after_a_second_and_not_before() -> None:
    now, question = [0.0], Question()
    question.may_answer.set()
    shared = Shared(question.ask, lambda: now[0])
    assert await shared.get() == 1
    now[0] = FRESH_S - 0.001
    assert await shared.get() == 1
    now[0] = FRESH_S
    assert await shared.get() == 2


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    question = Question()
    shared = Shared(question.ask, lambda: 0.0)
    first, second = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    question.may_answer.set()
    assert await second == 1


async def test_everybody_is_told_what_went_wrong() -> None:
    question = Question(Unavailable("the database is away"))
    question.may_answer.set()
    shared = Shared(question.ask, lambda: 0.0)
    for _ in range(2):
        with pytest.raises(Unavailable, match="away"):
            await shared.get()
    assert question.asked == 1
