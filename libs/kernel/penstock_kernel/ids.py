"""Identities as functions of what they identify: the same input gives the same id everywhere."""

from hashlib import blake2b

_DIGEST_BYTES = 10


def make_id(prefix: str, *parts: str | int) -> str:
    """`<prefix>-<20 hex digits>` of the parts, which the caller must not join: (a, bc) is not (ab, c)."""
    text = "\x1f".join(map(str, parts))
    return f"{prefix}-{blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"


def trace_id(*parts: str | int) -> str:
    """A W3C trace id (32 hex digits)."""
    return blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=16).hexdigest()


def span_id(*parts: str | int) -> str:
    """A W3C span id (16 hex digits)."""
    return blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=8).hexdigest()
