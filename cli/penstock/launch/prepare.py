"""From a command line to a plan: everything that can be wrong is found here, before anything starts."""

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock_api.access.gate import check_bind
from penstock_api.access.tokens import FILE, TokenFile
from penstock_api.config import ApiConfig
from penstock_ingest.config import IngestConfig, parse_source
from penstock_kernel.session import SessionConfig
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.settings import config_hash

from penstock.config.load import DEFAULT_PROFILE, ConfigOptions, load
from penstock.config.resolve import resolve
from penstock.errors import CommandError, ConfigError
from penstock.launch.live import check_live
from penstock.launch.paths import DataDir, SessionFolder
from penstock.launch.plan import Plan
from penstock.launch.recording import with_recordings

STANDBYS = ("risk", "execution")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session runs and what it writes."""

    data_dir: DataDir
    out: Path
    fused: bool = False
    standby: tuple[str, ...] = ()
    detached: bool = False
    live: bool = False

    def __post_init__(self) -> None:
        for name in self.standby:
            if name not in STANDBYS:
                raise ConfigError(f"--standby {name}: only {' and '.join(STANDBYS)} have a standby")
        if self.standby and self.fused:
            raise ConfigError("--standby: fused stages are one process; leave --fused or --standby out")


def new_session_id(now_ns: int) -> str:
    """An id that begins with the time, so that sessions sort by age: `20260102-030405-1a2b`."""
    return f"{datetime.fromtimestamp(now_ns // 1_000_000_000, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def new_plan(options: ConfigOptions, place: Place, environment: Mapping[str, str]) -> Plan:
    """The plan of a new session. ConfigError when something in it cannot be used."""
    now = time.time_ns()
    loaded = with_recordings(load(options, environment), place.data_dir)
    resolved = resolve(loaded, new_session_id(now), now)
    check_live(resolved.document, live=place.live, fused=place.fused, standby=bool(place.standby))
    _check_bind(resolved.document, place.data_dir)
    _check_writable(place)
    return Plan(
        data_dir=place.data_dir,
        folder=place.data_dir.session(resolved.session.session_id),
        out=place.out,
        document=resolved.document,
        session=resolved.session,
        config_hash=resolved.config_hash,
        profile=resolved.profile,
        source=", ".join(resolved.ingest.sources),
        speed=resolved.ingest.speed_factor,
        seed=seed_of(resolved.ingest),
        fused=place.fused,
        standby=place.standby,
        detached=place.detached,
        live=place.live,
    )


def resumed_plan(session_id: str | None, options: ConfigOptions, place: Place) -> Plan:
    """The plan to go on with a session, the last one without an id. It keeps its configuration."""
    if options.given:
        raise ConfigError(
            f"{options.given[0]}: a resumed session keeps its configuration; leave it out, or start a new one"
        )
    folder = _resumable(place.data_dir, session_id)
    record = folder.read()
    document = json.loads(folder.config.read_text(encoding="utf-8"))
    ingest = IngestConfig.model_validate(document["ingest"])
    check_live(document, live=place.live, fused=record.fused, standby=bool(record.standby))
    _check_bind(document, place.data_dir)
    return Plan(
        data_dir=place.data_dir,
        folder=folder,
        out=record.out,
        document=document,
        session=SessionConfig.model_validate(document["session"]),
        config_hash=config_hash(document),
        profile=record.profile or DEFAULT_PROFILE,
        source=record.source,
        speed=ingest.speed_factor,
        seed=seed_of(ingest),
        fused=record.fused,
        standby=record.standby,
        resume=True,
        detached=place.detached,
        live=place.live,
    )


def seed_of(ingest: IngestConfig) -> int | None:
    """The seed of the synthetic market; None where no source is one."""
    for source in ingest.sources:
        parsed = parse_source(source)
        if parsed.kind == "synthetic":
            return ingest.synthetic.seed if parsed.seed is None else parsed.seed
    return None


def resumable(data_dir: DataDir) -> SessionFolder | None:
    """The last session, unless it has ended. One that failed goes on too, or says again why it cannot:
    a new session in its place would hide the positions that it left.
    """
    folder = data_dir.last_session()
    return folder if folder is not None and folder.read().status != "ended" else None


def _resumable(data_dir: DataDir, session_id: str | None) -> SessionFolder:
    folder = data_dir.last_session() if session_id is None else data_dir.session(session_id)
    if folder is None or not (folder.path / "session.json").exists():
        what = f"no session {session_id}" if session_id else "no session yet"
        raise ConfigError(f"--resume: there is {what} in {data_dir.path}")
    if folder.read().status == "ended":
        raise ConfigError(f"--resume: session {folder.session_id} has ended and was reported")
    return folder


def _check_bind(document: Mapping[str, Any], data_dir: DataDir) -> None:
    """What the api would refuse at its start is told before anything starts."""
    config = ApiConfig.model_validate(document.get("api", {}))
    try:
        check_bind(config, TokenFile(config.tokens_file or data_dir.path / FILE))
    except BadConfiguration as error:
        raise ConfigError(str(error)) from error


def _check_writable(place: Place) -> None:
    """Both directories can be made and written, before anything runs."""
    for name, path in (("--data-dir", place.data_dir.path), ("--out", place.out)):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{name} {path}: {error.strerror or error}") from error
        if not os.access(path, os.W_OK):
            raise CommandError(f"{name} {path}: may not be written")
