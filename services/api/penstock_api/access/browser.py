"""A browser's session: a signed cookie, and the token that its pages give back against forged requests.

The cookie names the token that was signed in with and says until when. Nothing is kept here but the key that
signs: a file beside the tokens, so that a restart signs nobody out and several copies agree. Revoking the
token ends its cookies.
"""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

COOKIE = "penstock_session"
CSRF_HEADER = b"x-csrf-token"
KEY_FILE = "api.key"
_KEY_BYTES = 32
_TEXT = re.compile(r"([A-Za-z0-9_.-]{1,80})~([0-9]{1,19})~([0-9a-f]{16})~([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a cookie says."""

    name: str
    """Of the token."""
    expires_at: int
    """Wall time, ns."""
    csrf: str
    """What requests that change something must carry in `X-CSRF-Token`."""


class Cookies:
    """Makes and reads the cookies of one key."""

    def __init__(self, folder: Path | None) -> None:
        """With the key of a folder, made there when it is first needed; without, of this process alone."""
        self._folder = folder
        self._made: bytes | None = None

    @property
    def _key(self) -> bytes:
        if self._made is None:
            self._made = (
                _key_of(self._folder) if self._folder is not None else secrets.token_bytes(_KEY_BYTES)
            )
        return self._made

    def make(self, name: str, token_hash: str, expires_at: int) -> tuple[str, SignedIn]:
        """A cookie's value for whoever showed the token, and what it says."""
        text = f"{name}~{expires_at}~{secrets.token_hex(8)}"
        value = f"{text}~{self._sign('session', text, token_hash)}"
        return value, SignedIn(name, expires_at, self._sign("csrf", text, token_hash))

    def name_in(self, value: str) -> str | None:
        """The name in a cookie, not yet believed."""
        match = _TEXT.fullmatch(value)
        return match[1] if match else None

    def read(self, value: str, token_hash: str, now_ns: int) -> SignedIn | None:
        """What a cookie says, if it was made here for this token and has not expired."""
        match = _TEXT.fullmatch(value)
        if match is None or int(match[2]) <= now_ns:
            return None
        text = f"{match[1]}~{match[2]}~{match[3]}"
        if not hmac.compare_digest(match[4], self._sign("session", text, token_hash)):
            return None
        return SignedIn(match[1], int(match[2]), self._sign("csrf", text, token_hash))

    def _sign(self, purpose: str, text: str, token_hash: str) -> str:
        message = f"{purpose}~{text}~{token_hash}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def _key_of(folder: Path) -> bytes:
    path = folder / KEY_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        return key if len(key) == _KEY_BYTES else secrets.token_bytes(_KEY_BYTES)
    except OSError:
        return secrets.token_bytes(_KEY_BYTES)  # a read-only folder: signed in until the restart
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(_KEY_BYTES)
        file.write(key)
    return key
