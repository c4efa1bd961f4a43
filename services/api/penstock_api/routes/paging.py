"""What every page is asked for with, and of which session."""

from typing import Annotated

from fastapi import Query
from penstock_contracts.types import Id, InstrumentKey, Name
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.queries import Page, PageCursor, Scope
from pydantic import BaseModel, ConfigDict, Field

from penstock_api.context import Context
from penstock_api.views.base import Items, T


class PageRequest(BaseModel):
    """Which rows, and from where on."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    limit: int = Field(default=100, ge=1, le=1_000)
    """Rows on the page, at most."""
    cursor: str | None = Field(default=None, max_length=100)
    """`next_cursor` of the page before."""
    session: Id | None = None
    """An earlier session's id; default: the one that runs."""

    @property
    def after(self) -> PageCursor | None:
        """The place after which the page begins. BadPageCursor for what is none."""
        return None if self.cursor is None else PageCursor.parse(self.cursor)


class ScopedPageRequest(PageRequest):
    """Rows of a strategy, of an instrument, or all."""

    strategy: Name | None = None
    """Only this strategy's."""
    instrument: InstrumentKey | None = None
    """Only this instrument's, `<symbol>.<venue>`."""

    @property
    def scope(self) -> Scope:
        """The rows that are asked for."""
        return Scope(self.strategy, self.instrument)


Paging = Annotated[PageRequest, Query()]
ScopedPaging = Annotated[ScopedPageRequest, Query()]


def session_of_request(context: Context, asked: str | None = None) -> str:
    """The session whose rows are meant. Unavailable while it is not known."""
    session_id = asked or context.feed.replica.session.session_id
    if not session_id:
        raise Unavailable("the log is still being read from the session's beginning")
    return session_id


def items(page: Page[T]) -> Items[T]:
    """A page of the database as an answer."""
    return Items(items=page.items, next_cursor=page.next_cursor)
