"""A package that is added must be added everywhere; a lock holds pins and hashes, no addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import penstock
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock", "tools/bootstrap.lock", "deploy/requirements.lock"]
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)==[^ ]+( ; .+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def package_paths() -> set[str]:
    found = [*REPOSITORY.glob("libs/*/penstock_*"), *REPOSITORY.glob("services/*/penstock_*")]
    found += [REPOSITORY / "research" / "penstock_research", REPOSITORY / "cli" / "penstock"]
    return {path.relative_to(REPOSITORY).as_posix() for path in found if (path / "__init__.py").exists()}


def test_every_package_is_in_the_wheel_and_in_the_checks() -> None:
    tool = project()["tool"]
    paths = package_paths()
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == paths
    assert set(tool["hatch"]["build"]["dev-mode-dirs"]) == {str(Path(path).parent) for path in paths}
    assert set(tool["importlinter"]["root_packages"]) == {Path(path).name for path in paths}
    assert {str(Path(path).parent) for path in paths} <= set(tool["mypy"]["mypy_path"])


def test_every_package_says_that_it_is_typed() -> None:
    assert [path for path in sorted(package_paths()) if not (REPOSITORY / path / "py.typed").exists()] == []


def test_the_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", penstock.__version__)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_and_hashes_only(lock: str) -> None:
    lines = (REPOSITORY / lock).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not PIN.match(line) and not HASH.match(line)] == []


def test_the_lock_has_every_dependency() -> None:
    locked = {match["name"] for line in (REPOSITORY / LOCKS[0]).open() if (match := PIN.match(line))}
    wanted = {
        re.split(r"[^A-Za-z0-9-]", entry, maxsplit=1)[0].lower()
        for entry in project()["project"]["dependencies"]
    }
    assert wanted <= locked


def test_the_development_lock_agrees_with_the_lock() -> None:
    runtime, development = (
        (REPOSITORY / lock).read_text(encoding="utf-8").splitlines() for lock in LOCKS[:2]
    )
    assert {line for line in runtime if PIN.match(line)} <= set(development)


def test_the_image_holds_the_pins_of_the_lock_and_every_dependency() -> None:
    runtime, image = (
        {match[0] for line in (REPOSITORY / lock).open() if (match := PIN.match(line))}
        for lock in ("requirements.lock", "deploy/requirements.lock")
    )
    assert image <= runtime
    wanted = {
        re.split(r"[^A-Za-z0-9-]", entry, maxsplit=1)[0].lower()
        for entry in project()["project"]["dependencies"]
    }
    assert wanted <= {line.partition("==")[0] for line in image}
