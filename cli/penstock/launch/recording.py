"""`recording:SESSION`: the market data of an earlier session, taken from its log into a file."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from penstock_contracts.market import Mark
from penstock_ingest.config import parse_source
from penstock_ingest.recording import KINDS, RecordingHeader, write_recording
from penstock_kernel.session import SessionConfig
from penstock_research.tapes import Recorded
from penstock_runtime.errors import RuntimeFailure

from penstock.config.load import Loaded
from penstock.errors import CommandError, ConfigError
from penstock.launch.paths import DataDir, SessionFolder
from penstock.launch.recorded import RecordedSession, document_of, partition_of, session_log_of

FILE = "market.recording"


def with_recordings(loaded: Loaded, data_dir: DataDir) -> Loaded:
    """The configuration with files in the place of session ids. ConfigError for an unknown session."""
    ingest = loaded.root.ingest
    sources = tuple(_located(each, data_dir) for each in ingest.sources)
    if sources == ingest.sources:
        return loaded
    root = loaded.root.model_copy(update={"ingest": ingest.model_copy(update={"sources": sources})})
    return replace(loaded, root=root)


def _located(source: str, data_dir: DataDir) -> str:
    parsed = parse_source(source)
    if parsed.kind != "recording":
        return source
    folder = next((each for each in data_dir.sessions() if each.session_id == parsed.path), None)
    if folder is None:
        raise ConfigError(
            f"ingest.sources: {data_dir.path} has no session {parsed.path}; `penstock sessions` lists them"
        )
    running = data_dir.running()
    if running is not None and running.session_id == folder.session_id:
        raise ConfigError(f"ingest.sources: session {parsed.path} still runs; end it first")
    file = folder.path / FILE
    if not file.exists() or folder.read().status != "ended":
        export(folder)
    return f"recording:{file}"


def export(folder: SessionFolder) -> None:
    """Write a session's market data into its folder. CommandError when its log cannot be read."""
    with asyncio.Runner() as runner:
        context = session_log_of(folder, partition_of(folder))
        log = runner.run(context.__aenter__())
        try:
            recorded = RecordedSession(runner, log)
            header = _header(folder, recorded)
            write_recording(folder.path / FILE, header, _market(recorded))
            for hole in recorded.holes():
                raise CommandError(
                    f"session {folder.session_id}: {hole}", hint="resuming the session mends it"
                )
        except RuntimeFailure as error:
            raise CommandError(f"the log of session {folder.session_id} cannot be read: {error}") from error
        finally:
            runner.run(context.__aexit__(None, None, None))


def _header(folder: SessionFolder, recorded: RecordedSession) -> RecordingHeader:
    session = SessionConfig.model_validate(document_of(folder)["session"])
    marks = (each.message for each in recorded.family("md") if each.kind == "mark")
    first: Mark | None = None
    end = 0
    for mark in marks:
        assert isinstance(mark, Mark)
        first = first or mark
        if not mark.ended:
            end = mark.ts
    if first is None or not end:
        raise CommandError(f"session {folder.session_id} has no market data")
    return RecordingHeader(
        session=folder.session_id,
        grid=session.grid,
        start=first.start,
        end=end,
        feeds=tuple(first.positions),
    )


def _market(recorded: RecordedSession) -> Iterator[tuple[str, bytes]]:
    return ((each.subject, each.data) for each in _kinds(recorded.family("md")))


def _kinds(messages: Iterator[Recorded]) -> Iterator[Recorded]:
    return (each for each in messages if each.kind in KINDS)
