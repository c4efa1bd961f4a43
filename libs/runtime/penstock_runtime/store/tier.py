"""What the database can do: plain PostgreSQL, or TimescaleDB under one of its two licences."""

from enum import StrEnum

from penstock_runtime.store.pool import Connection, Pool


class Tier(StrEnum):
    """Every query works on all three; the higher ones keep and compress history better."""

    PLAIN = "plain"
    TIMESCALE_APACHE = "timescale-apache"
    TIMESCALE_COMMUNITY = "timescale-community"


RANKS = tuple(Tier)
"""From what every database can do to what few can."""


async def detect_tier(database: Pool | Connection) -> Tier:
    """The tier of a database: by the extension that is installed in it, and its licence."""
    installed = await database.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    if not installed:
        return Tier.PLAIN
    licence = await database.fetchval("SELECT current_setting('timescaledb.license', true)")
    return Tier.TIMESCALE_COMMUNITY if licence == "timescale" else Tier.TIMESCALE_APACHE
