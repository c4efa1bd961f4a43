"""The root of the answers, and what they have in common. Times are ns UTC, amounts strings."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from penstock_runtime.store.queries.tables import Amount
from pydantic import BaseModel, ConfigDict

T = TypeVar("T")
V = TypeVar("V", bound="View")


__all__ = ["Amount", "Items", "View", "view_of"]


class View(BaseModel):
    """Root of the answers."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Items(View, Generic[T]):
    """A page: some rows, and where the next one begins."""

    items: list[T]
    next_cursor: str | None = None
    """Give it as `cursor` for the next page; null at the end."""


def view_of(shape: type[V], source: Any, **more: Any) -> V:
    """An answer of fields of the same name; `more` gives those that the source does not have."""
    fields: Mapping[str, Any] = {
        name: getattr(source, name) for name in shape.model_fields if name not in more
    }
    return shape(**fields, **more)
