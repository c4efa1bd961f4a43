"""The schedule of a session, from its configuration."""

from penstock_kernel.session import SessionConfig

from penstock_ingest.config import IngestConfig
from penstock_ingest.errors import SourceError
from penstock_ingest.hours import with_hours
from penstock_ingest.schedule import Schedule
from penstock_ingest.sources import open_sources, session_start


def build_schedule(config: IngestConfig, session: SessionConfig) -> Schedule:
    """Open the sources and schedule what the session trades, under the session's definitions.

    Raises what `open_sources` raises, and SourceError for an instrument that no source has.
    """
    feeds = [feed for feed in open_sources(config) if feed.instrument.instrument in session.by_key]
    for feed in feeds:
        feed.instrument = session.by_key[feed.instrument.instrument]
    found = {feed.instrument.instrument for feed in feeds}
    missing = [key for key in session.by_key if key not in found]
    if missing:
        raise SourceError(f"no source has {', '.join(missing)}")
    start = session.start or session_start(feeds, session.grid)
    return Schedule(with_hours(feeds, start), session.grid, start, config.duration)
