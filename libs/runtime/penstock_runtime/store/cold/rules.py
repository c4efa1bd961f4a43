"""Which rows leave the database, and when.

The age of a row is that of its event, or of its session where that began later: a replay of last year's
market was recorded today. What is needed as long as its session may go on (orders, positions) leaves only
when that has ended.
"""

from dataclasses import dataclass
from typing import Literal

DAY_NS = 86_400 * 10**9
Period = Literal["day", "month", "session"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of one table."""

    table: str
    hot_days: int
    period: Period
    """How much goes into one file: a day or a month of a session (UTC), or all of it."""
    keyed: bool = True
    """Whether a row has an identity of its own, by which it is known again."""
    where: str = "TRUE"

    @property
    def ended_only(self) -> bool:
        """Whether the session must have ended."""
        return self.period == "session"


RULES = (
    Rule("trades", 30, "day", keyed=False),
    Rule("quotes", 30, "day", keyed=False),
    Rule("book_changes", 30, "day", keyed=False),
    Rule("bars", 90, "month", keyed=False),
    Rule("features", 90, "month", keyed=False),
    Rule("metrics", 90, "month", keyed=False),
    *(
        Rule(table, 90, "month")
        for table in ("liquidations", "fundings", "rates", "gaps", "regimes", "notes", "quarantine")
    ),
    Rule("pnl", 365, "month"),
    *(
        Rule(table, 365, "session")
        for table in (
            "signals", "refusals", "orders", "order_events", "fills", "positions", "balances",
            "instruments", "instrument_statuses", "audit",
        )
    ),
    Rule("bar_rollups", 365, "month", where=f"interval < {DAY_NS}"),
    Rule("bar_rollups", 5 * 365, "month", where=f"interval >= {DAY_NS}"),
)  # fmt: skip
"""Never removed: sessions, cursors, what was rolled up how far."""

TABLES = tuple(dict.fromkeys(rule.table for rule in RULES))
LOG_DAYS = 30
"""After its session's end a part of the log that the database keeps (`archive`) leaves it too."""
