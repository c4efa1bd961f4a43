"""Live only by choice, twice: the configuration names a venue, and the command says `--live`."""

from typing import Any

from penstock_execution.config import ExecutionConfig

from penstock.errors import ConfigError


def check_live(document: dict[str, Any], *, live: bool, fused: bool, standby: bool) -> None:
    """Refuse what is not wholly one or the other. ConfigError names what is missing."""
    execution = ExecutionConfig.model_validate(document["execution"])
    if execution.venue == "paper":
        if live:
            raise ConfigError(
                "--live: no venue is configured; execution.venue is paper and execution.live.gateway is "
                f"{execution.live.gateway}"
            )
        return
    if not live:
        raise ConfigError("execution.venue: live orders leave only with the flag --live")
    if execution.live.gateway == "none":
        raise ConfigError("execution.live.gateway: no venue is configured, so --live is refused")
    if fused or standby:
        raise ConfigError("--live: a live venue has one writer, in a process of its own; leave out "
                          "--fused and --standby")  # fmt: skip
    if document["ingest"]["speed"] != "1x":
        raise ConfigError(
            f"ingest.speed: {document['ingest']['speed']} with --live; a live venue knows 1x only"
        )
