"""PostgreSQL refuses to run as root. In a container we often are root, and step down to another account.

The step is made by util-linux's setpriv, which is part of every Debian. The account may not be allowed
into the directories above the program or the data (/root is closed to others); then the capability to
pass through directories goes with it, rather than opening those directories to everybody.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from penstock_runtime.embedded.errors import AccountMissing

ACCOUNTS = ("postgres", "nobody")
CAPABILITIES = ((), ("dac_read_search",), ("dac_override",))
"""From the least to the most; containers often have only the last."""


def account_for(data: Path) -> pwd.struct_passwd | None:
    """The account that owns the data, or shall own them; None when this process is not root."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        return pwd.getpwuid(owner)
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AccountMissing(
        "postgres: it refuses to run as root, and there is no other account; start as another user"
    )


def step_down(account: pwd.struct_passwd, program: Path, directory: Path) -> list[str]:
    """The command prefix that runs `program` on `directory` as `account`."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise AccountMissing(
            "postgres: it refuses to run as root, and setpriv is missing; start as another user"
        )
    for capabilities in CAPABILITIES:
        prefix = _prefix(setpriv, account, capabilities)
        if _can_run(prefix, program, directory):
            return prefix
    raise AccountMissing(
        f"postgres: the account {account.pw_name} cannot run {program} on {directory}; start as another user"
    )


def _prefix(setpriv: str, account: pwd.struct_passwd, capabilities: Sequence[str]) -> list[str]:
    prefix = [setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    for capability in capabilities:
        prefix += [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}"]
    return prefix


def _can_run(prefix: Sequence[str], program: Path, directory: Path) -> bool:
    # access(2) ignores capabilities, so the probe does what the server will do.
    probe = ["sh", "-c", 'cd "$1" && exec "$0" --version', str(program), str(directory)]
    return subprocess.run([*prefix, *probe], capture_output=True, check=False).returncode == 0


def leashed(prefix: Sequence[str], signal_number: signal.Signals) -> list[str]:
    """The prefix with the leash tied again: a change of account unties the one from before."""
    return [*prefix, f"--pdeathsig={signal_number.name.removeprefix('SIG')}"]
