"""Credentials of a stack: made once, into one folder for each of those who may read them.

::

    <folder>/nats/nats.conf        the log's server, with every user, password and permission
    <folder>/database/password     the database's superuser
    <folder>/<service>/nats.url    how that service reaches the log
    <folder>/<service>/postgres.url

Each folder is a volume of its own, mounted by its owner alone. Made again, passwords stay and everything
else is written anew: permissions come with the code.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from penstock_runtime.embedded.ownership import write_private
from penstock_runtime.log.permissions import OPERATOR, USERS, permissions

from penstock.errors import CommandError
from penstock.launch.servers import STORE_BYTES

SECRET_BYTES = 32
READER = "penstock_reader"
"""The database's account of those who only read it."""
WRITERS = frozenset({OPERATOR, "recorder", "api"})

NATS = """\
# Written by `penstock stack credentials` at each start of the stack.
server_name: penstock
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
jetstream {{
  store_dir: "/log-store"
  max_file_store: {store_bytes}
  max_memory_store: {memory_bytes}
  sync_interval: {sync}
}}
accounts {{
  PENSTOCK {{
    jetstream: enabled
    users: [
{users}
    ]
  }}
}}
"""
MEMORY_STORE_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are reached."""

    nats: str = "nats:4222"
    database: str = "timescaledb:5432/penstock"
    database_user: str = "penstock"


def make(folder: Path, addresses: Addresses, *, partition: int, sync: str, renew: bool = False) -> bool:
    """Write every file; returns whether any password is new. With `renew` those of the log are.

    CommandError when a folder cannot be written.
    """
    try:
        return _make(folder, addresses, partition, sync, renew)
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror or error}") from error


def _make(folder: Path, addresses: Addresses, partition: int, sync: str, renew: bool) -> bool:
    for owner in (*USERS, "nats", "database"):
        (folder / owner).mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = False
    passwords: dict[str, str] = {}
    for user in USERS:
        file = folder / user / "nats.url"
        known = _password(file) if not renew else ""
        fresh = fresh or not known
        passwords[user] = known or secrets.token_urlsafe(SECRET_BYTES)
    superuser, made = _kept(folder / "database" / "password")
    reader, _ = _kept(folder / OPERATOR / "reader.password")
    config = _config(passwords, partition, sync)
    write_private(folder / "nats" / "nats.conf", config)
    for user, password in passwords.items():
        write_private(folder / user / "nats.url", f"nats://{user}:{password}@{addresses.nats}\n")
        account = f"{addresses.database_user}:{superuser}" if user in WRITERS else f"{READER}:{reader}"
        write_private(folder / user / "postgres.url", f"postgresql://{account}@{addresses.database}\n")
    return fresh or made


def _config(passwords: dict[str, str], partition: int, sync: str) -> str:
    users = []
    for user, password in passwords.items():
        allowed = permissions(user, partition)
        document = {
            "user": user,
            "password": password,
            "permissions": {
                "publish": {"allow": list(allowed.publish)},
                "subscribe": {"allow": list(allowed.subscribe)},
            },
        }
        users.append(f"      {json.dumps(document)}")
    return NATS.format(
        store_bytes=STORE_BYTES,
        memory_bytes=MEMORY_STORE_BYTES,
        sync=json.dumps("always" if sync == "always" else "2m"),
        users=",\n".join(users),
    )


def _password(url_file: Path) -> str:
    """The password in an address that was written before; empty where there is none."""
    try:
        return urlsplit(url_file.read_text(encoding="utf-8").strip()).password or ""
    except (FileNotFoundError, ValueError):
        return ""


def _kept(file: Path) -> tuple[str, bool]:
    """The secret in a file, which is made when there is none; and whether it was."""
    try:
        return file.read_text(encoding="utf-8").strip(), False
    except FileNotFoundError:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        write_private(file, secret + "\n")
        return secret, True
