"""Tokens: made here, shown once, kept as hashes only.

The file lies in the data directory, readable by its owner. A token is 256 random bits, so that a plain
SHA-256 keeps it: nobody can try them all, and nothing slower would make that harder. Whoever revokes a token
or adds one rewrites the file; the api looks at it with every request, so that it holds at once.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock_contracts.types import Name, Ns
from penstock_runtime.errors import BadConfiguration
from pydantic import BaseModel, ConfigDict, ValidationError

from penstock_api.access.roles import Role

FILE = "tokens.json"
PREFIX = "pst_"
_NS_PER_S = 1_000_000_000


class TokenRecord(BaseModel):
    """What is kept of a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    role: Role
    hash: str
    """SHA-256 of the token, hex."""
    created_at: Ns
    expires_at: Ns | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    tokens: tuple[TokenRecord, ...] = ()


class TokenExists(ValueError):
    """There is a token of that name."""


class TokenFile:
    """The tokens of a data directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._by_hash: dict[str, TokenRecord] = {}

    def all(self) -> tuple[TokenRecord, ...]:
        """Every token, the oldest first. BadConfiguration when the file cannot be read or trusted."""
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise BadConfiguration(f"{self.path}: {error.strerror}") from error
        if mode & 0o077:
            raise BadConfiguration(
                f"{self.path}: others may read or write it; `chmod 600 {self.path}` and revoke what they saw"
            )
        try:
            return _File.model_validate_json(content).tokens
        except ValidationError as error:
            raise BadConfiguration(f"{self.path}: {error.errors()[0]['msg']}") from error

    def exists(self) -> bool:
        """Whether there is a file: then nobody gets in without a token, even if the last one was revoked."""
        return self.path.exists()

    def any(self) -> bool:
        """Whether there are tokens."""
        self._look()
        return bool(self._by_hash)

    def find(self, token: str, now_ns: int) -> TokenRecord | None:
        """The token, unless it is unknown or has expired; `now_ns` is wall time."""
        self._look()
        return self._valid(self._by_hash.get(digest(token)), now_ns)

    def named(self, name: str, now_ns: int) -> TokenRecord | None:
        """The token of a name, unless it was revoked or has expired."""
        self._look()
        found = next((each for each in self._by_hash.values() if each.name == name), None)
        return self._valid(found, now_ns)

    def add(self, name: str, role: Role, days: float | None = None) -> str:
        """Make a token; returns it, and it is never shown again. TokenExists for a name that is taken."""
        token = PREFIX + secrets.token_urlsafe(32)
        now = time.time_ns()
        expires = None if days is None else now + int(days * 86_400 * _NS_PER_S)
        record = TokenRecord(name=name, role=role, hash=digest(token), created_at=now, expires_at=expires)
        with self._exclusively():
            known = self.all()
            if any(each.name == name for each in known):
                raise TokenExists(f"there is a token {name}; revoke it first")
            self._write((*known, record))
        return token

    def revoke(self, name: str) -> bool:
        """Take a token out; False when there is none of that name."""
        with self._exclusively():
            known = self.all()
            left = tuple(each for each in known if each.name != name)
            if len(left) < len(known):
                self._write(left)
        return len(left) < len(known)

    @staticmethod
    def _valid(found: TokenRecord | None, now_ns: int) -> TokenRecord | None:
        expired = found is not None and found.expires_at is not None and found.expires_at <= now_ns
        return None if expired else found

    def _look(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._seen, self._by_hash = None, {}
            return
        seen = stat.st_mtime_ns, stat.st_size, stat.st_ino
        if seen != self._seen:
            self._by_hash = {each.hash: each for each in self.all()}
            self._seen = seen

    def _write(self, tokens: tuple[TokenRecord, ...]) -> None:
        new = self.path.with_name(f".{self.path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_File(tokens=tokens).model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f".{self.path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
