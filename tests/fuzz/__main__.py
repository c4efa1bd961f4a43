"""`python -m fuzz [--cases N] [--target NAME …]`: coverage-guided, with atheris. Needs tests/ on the path."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typer

SHARES = {"messages": 0.4, "envelopes": 0.25, "subjects": 0.1, "frames": 0.15, "archive": 0.05, "lines": 0.05}
"""Of the cases: what others may write to the log, before what only we write."""
HANG_S = 10
MEMORY_MB = 1024
INPUT_BYTES_MAX = 4096


def child(target: str, corpus: str, cases: int) -> None:
    """Fuzz one target in this process; atheris ends it."""
    import atheris  # noqa: PLC0415  (only where a fuzzer runs)

    with atheris.instrument_imports(include=["penstock_contracts", "penstock_kernel", "fuzz.decoders"]):
        from fuzz.decoders import TARGETS, seeds  # noqa: PLC0415

    folder = Path(corpus)
    for number, seed in enumerate(seeds()[target]):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-runs={cases}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1",
               f"-max_len={INPUT_BYTES_MAX}", f"-artifact_prefix={folder}/", "-verbosity=0"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, corpus], TARGETS[target])
    atheris.Fuzz()


def main() -> int:
    """Fuzz the targets one after another; 1 when one had a finding."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--cases", type=int, default=10_000_000)
    parser.add_argument("--target", action="append", choices=list(SHARES))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], given.child[1], given.cases)
        return 0
    chosen = given.target or list(SHARES)
    whole = sum(SHARES[each] for each in chosen)
    found = 0
    for name in chosen:
        cases = round(given.cases * SHARES[name] / whole)
        with tempfile.TemporaryDirectory(prefix="penstock-fuzz-") as corpus:
            began = time.monotonic()
            command = [sys.executable, "-m", "fuzz", "--cases", str(cases), "--child", name, corpus]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            took = time.monotonic() - began
            peak = [line for line in ended.stderr.splitlines() if "peak_rss_mb" in line]
            if ended.returncode:
                found += 1
                typer.echo(
                    f"{name}: A FINDING after {took:.0f} s\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
                )
            else:
                told = " ".join(" ".join(peak[-1:]).removeprefix("stat::").split())
                typer.echo(f"{name}: {cases:,} cases in {took:.0f} s, no finding; {told}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
