"""What schemathesis may not make up: a page's cursor is what a page came with."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without a cursor that no page came with: tests of their own send those."""
    return {name: value for name, value in query.items() if name != "cursor"} if query else query
