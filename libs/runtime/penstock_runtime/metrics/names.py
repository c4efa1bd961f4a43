"""Every metric there is: name, kind, labels, meaning. Dashboards are built on it, and tests hold it.

Names follow Prometheus: `penstock_<what>_<unit>`, `_total` for what only grows. By OTLP the same metric is
`penstock.<what>`, and its unit stands beside it. Every metric has the label `service`; money is in the
account's currency, which is a label.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

SECONDS_BOUNDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the buckets of every histogram, s."""

_UNITS = {"seconds": "s", "bytes": "By", "messages": "{message}"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    """As Prometheus sees it."""
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    """Beside `service`."""

    @property
    def unit(self) -> str:
        """The unit as OTLP writes it; empty for a plain number."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return _UNITS.get(last, "")

    @property
    def otlp_name(self) -> str:
        """The name without what OTLP says beside it: `penstock_stage_turn_seconds`, `penstock.stage_turn`."""
        name = self.name.removesuffix("_total")
        last = name.rpartition("_")[2]
        return name.removesuffix(f"_{last}" if last in _UNITS else "").replace("_", ".", 1)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"penstock_{name}_total", "counter", text, labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"penstock_{name}", "gauge", text, labels)


def _histogram(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"penstock_{name}_seconds", "histogram", text, labels)


PROCESSES = (
    _gauge("service_running", "1 while the service works, 0 while it starts, catches up or drains."),
    _gauge("service_report_timestamp_seconds", "Wall time at which the service last said anything."),
    _counter("events", "Messages taken; of ingest, rows of market data released."),
    _counter("outputs", "Messages put out."),
    _counter("errors", "Errors that the service counted and lived with."),
    _counter("dead_letters", "Messages that could not be read and were kept aside."),
    _counter("resends", "Times that the service published again from its first unconfirmed output."),
    _gauge("backlog_messages", "Messages that wait to be taken; of ingest, intervals not answered yet."),
    _gauge("unconfirmed_messages", "Outputs that the log is not yet known to hold."),
    _gauge("mark_timestamp_seconds", "Event time up to which the service has worked."),
    _histogram("stage_turn", "From taking the messages that wait to having handed what follows to the log."),
    _histogram("interval_latency", "At 1x, from ingest's mark to this stage's end of the interval.", "stage"),
    _histogram("order_latency", "From ingest's publication of a tick to the arrival of the order it led to."),
    _gauge("process_memory_bytes", "Resident memory."),
    _counter("process_cpu_seconds", "Processor time, user and system."),
)
MARKET = (
    _counter("quarantined_rows", "Rows of sources that were not believed."),
    _counter("bars", "Bars that features put out."),
    _counter("feature_rows", "Feature rows per trade or quote that features put out."),
    _counter("gaps", "Stretches of missing data.", "instrument"),
    _gauge("feature_drift_psi", "Population stability index of a model's feature.", "instrument", "feature"),
)
TRADING = (
    _counter("signals", "Signals of a strategy.", "strategy"),
    _counter("strategy_errors", "Errors in strategies' code."),
    _gauge("strategy_running", "1 while the strategy is on and has not failed.", "strategy"),
    _counter("orders_approved", "Orders that risk approved.", "strategy"),
    _counter("signals_refused", "Signals that risk refused, by rule.", "strategy", "rule"),
    _counter("signals_resolved", "Signals that led to no order and were not refused.", "strategy", "outcome"),
    _counter("cancels_requested", "Cancels that risk asked for.", "strategy"),
    _gauge("trading_state", "1 for the state that trading is in.", "state"),
    _gauge("working_orders", "Orders in which something can still happen."),
    _counter("orders_submitted", "Orders sent to the venue.", "strategy"),
    _counter("order_transitions", "Changes of orders other than submission, acceptance and fill.", "state"),
    _counter("fills", "Fills.", "strategy", "instrument", "liquidity"),
    _counter("orders_blocked", "Approvals that the egress guard held back."),
    _gauge("orders_unknown", "Live orders of which the venue has given no clear answer yet."),
)
MONEY = (
    _gauge("account_equity", "Equity.", "currency"),
    _gauge("account_pnl_realized", "Realised profit and loss since the session began.", "currency"),
    _gauge("account_pnl_unrealized", "Unrealised profit and loss.", "currency"),
    _gauge("account_fees", "Fees since the session began.", "currency"),
    _gauge("account_drawdown_max", "Largest fall of equity from its peak so far.", "currency"),
    _gauge("account_exposure_gross", "Sum of the positions' absolute values.", "currency"),
    _gauge("account_exposure_net", "Sum of the positions' values.", "currency"),
    _gauge("account_exposure_reserved", "Worst case that working orders could still add.", "currency"),
    _gauge("account_sharpe_ratio", "Sharpe ratio of the account's last samples, annualised (365 days)."),
    _gauge("strategy_pnl_realized", "Realised profit and loss of a strategy.", "strategy", "currency"),
    _gauge("strategy_pnl_unrealized", "Unrealised profit and loss of a strategy.", "strategy", "currency"),
    _gauge("strategy_fees", "Fees of a strategy.", "strategy", "currency"),
    _gauge("strategy_exposure_gross", "Gross exposure of a strategy.", "strategy", "currency"),
    _gauge("position_quantity", "Signed position.", "strategy", "instrument"),
    _counter("trades", "Round trips that ended.", "strategy"),
    _counter("trades_won", "Round trips that ended with a profit, fees included.", "strategy"),
    _gauge("hit_ratio", "Share of winners among the last 100 round trips.", "strategy"),
)
RECORDING = (
    _counter("recorder_rows", "Rows written to the database."),
    _counter("recorder_transactions", "Transactions committed."),
    _gauge("recorder_database_up", "1 while the database answers."),
    _gauge("recorder_sequence", "Log sequence up to which the database is written."),
    _gauge("recorder_archived_sequence", "Log sequence up to which the log is archived."),
    _counter("spans", "Spans handed to the exporter."),
    _counter("spans_dropped", "Spans that the exporter could not take or deliver."),
)
METRICS: dict[str, Metric] = {each.name: each for each in (*PROCESSES, *MARKET, *TRADING, *MONEY, *RECORDING)}
"""By name, in the order in which they are shown."""
