"""Which code runs: the distribution's version and a hash of the packages' sources."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = (
    "penstock_contracts",
    "penstock_kernel",
    "penstock_features",
    "penstock_strategy",
    "penstock_risk",
    "penstock_execution",
)


@cache
def code_hash() -> str:
    """Sixteen hex digits over the sources that decide what stages put out."""
    hasher = hashlib.sha256()
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            hasher.update(path.name.encode())
            hasher.update(path.read_bytes())
    return hasher.hexdigest()[:16]
