"""Bars as columns, for strategies that can tell at once how many of them leave them silent."""

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from penstock_strategy.views import Columns, Names

T = TypeVar("T")


class Stretch:
    """Bars [begin, end) of one message. The columns are those of the whole message."""

    __slots__ = ("_columns", "_names", "_owner", "begin", "end")

    def __init__(self, columns: Columns, names: Names, begin: int, end: int, owner: str) -> None:
        self._columns = columns
        self._names = names
        self._owner = owner
        self.begin = begin
        self.end = end

    @property
    def instrument(self) -> str:
        """The instrument's key."""
        return self._columns.instrument

    def column(self, name: str) -> NDArray[np.float64]:
        """A declared feature of all the message's bars, NaN while it warms up. KeyError if not declared."""
        message = self._columns.message
        values: NDArray[np.float64] = message.values[:, message.names.index(self._names[name])]
        return values

    def once(self, key: str, build: Callable[["Stretch"], T]) -> T:
        """What `build` makes of the whole message: made when it is first asked for, then kept with it."""
        kept = self._columns.kept
        place = self._owner, key
        if place not in kept:
            kept[place] = build(self)
        return cast(T, kept[place])
