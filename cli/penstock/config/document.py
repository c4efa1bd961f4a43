"""The resolved document: what services read, what the session folder keeps, what genesis carries."""

import json
import re
from typing import Any

SECRET = re.compile(r"(secret|token|password|api_key|private_key|passphrase)$")
"""Fields whose values are never written or shown; a field of that name plus `_file` names a file, and is."""
REDACTED = "***"


def dump(document: dict[str, Any]) -> str:
    """The document as text, secrets redacted."""
    return json.dumps(redacted(document), indent=2, sort_keys=True, default=str) + "\n"


def redacted(value: Any, name: str = "") -> Any:
    """The same value with every secret replaced."""
    if isinstance(value, dict):
        return {key: redacted(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(each, name) for each in value]
    return REDACTED if SECRET.search(name) and value else value
