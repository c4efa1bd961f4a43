"""Section `alerts` of the configuration: rules, and who is told."""

import os
import stat
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from penstock_contracts.types import Name
from pydantic import BaseModel, ConfigDict, Field, model_validator

MEBIBYTE = 1 << 20


class TargetConfig(BaseModel):
    """Somebody who is told, beside the log of the api service, which always is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Name
    """How it is called in logs and in `penstock alerts test`."""
    kind: Literal["webhook", "apprise"]
    """`webhook`: a POST of JSON; `apprise`: any service that Apprise knows (needs the extra `alerts`)."""
    url: str | None = Field(default=None, min_length=1)
    """Where it is reached. It is kept with the session: a secret is given by one of the next two instead."""
    url_file: Path | None = None
    """A file with the address, readable by its owner only."""
    url_variable: str | None = Field(default=None, pattern=r"[A-Z_][A-Z0-9_]*")
    """An environment variable with the address."""
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    """How long one attempt may take, s; there are three."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        given = [self.url, self.url_file, self.url_variable]
        if sum(each is not None for each in given) != 1:
            raise ValueError(f"target {self.name}: give one of url, url_file, url_variable")
        if self.url is not None and (self.kind == "apprise" or "@" in self.url):
            raise ValueError(f"target {self.name}: its address is a secret: give url_file or url_variable")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"target {self.name}: url must begin with http:// or https://")
        return self

    def address(self) -> str:
        """Where it is reached. ValueError when that cannot be read, or others can read it too."""
        if self.url is not None:
            return self.url
        if self.url_variable is not None:
            found = os.environ.get(self.url_variable, "").strip()
            if not found:
                raise ValueError(f"target {self.name}: {self.url_variable} is not set")
            return found
        assert self.url_file is not None, "validated"
        file = self.url_file.expanduser()
        try:
            if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ValueError(f"target {self.name}: {file} can be read by others; chmod 600 {file}")
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"target {self.name}: {file}: {error.strerror or error}") from error


class AlertsConfig(BaseModel):
    """When an operator is told, and where. A rule that is none is off."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    targets: tuple[TargetConfig, ...] = ()
    """Who is told. Without any, alerts are in the log of the api service alone."""
    halt: bool = True
    """Trading is halted."""
    drawdown_fraction: Decimal | None = Field(default=Decimal("0.03"), gt=0, le=1)
    """Equity is so far below its peak, as a fraction of the peak."""
    feed_stale_s: float | None = Field(default=30.0, gt=0, le=86_400)
    """A venue whose instruments trade sent nothing for so long, at 1x, s."""
    service_down_s: float | None = Field(default=10.0, ge=3, le=86_400)
    """A service was not heard for so long, or the log cannot be reached, s."""
    errors_per_minute: int | None = Field(default=5, ge=1, le=1_000_000)
    """Errors of services and strategies in one minute."""
    memory_bytes: int | None = Field(default=1024 * MEBIBYTE, ge=MEBIBYTE)
    """Memory of one service, bytes."""
    dead_letters: int | None = Field(default=1, ge=1, le=1_000_000)
    """Messages in ten minutes that could not be read."""
    disk_free_bytes: int | None = Field(default=1024 * MEBIBYTE, ge=MEBIBYTE)
    """Less is free below the data directory, bytes."""
    repeat_s: float = Field(default=3_600.0, ge=60, le=7 * 86_400)
    """What lasts is told again after so long, s."""
    settle_s: float = Field(default=10.0, ge=0, le=3_600)
    """What comes and goes is over only after it stayed away for so long, s."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [each.name for each in self.targets]
        if len(set(names)) != len(names):
            raise ValueError("two targets have one name")
        return self
