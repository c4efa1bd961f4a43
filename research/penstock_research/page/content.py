"""What the report shows, as JSON values: columns of numbers, times in seconds UTC."""

from decimal import Decimal
from typing import Any

from penstock_contracts.orders import PnlSampled
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.ledger import Contract
from penstock_kernel.money import ZERO

from penstock_research.environment import RunManifest
from penstock_research.market import CANDLES_MAX, Candles
from penstock_research.outcome import Result
from penstock_research.performance import ROLLING_PERIODS, monthly_returns, rolling_sharpe, underwater

POINTS_MAX = 6_000
_SPANS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_DIGITS = 10


def content(result: Result, summary: dict[str, Any], manifest: RunManifest) -> dict[str, Any]:
    """Everything that the page's script draws."""
    session = result.session
    names = ", ".join(summary["strategies"])
    instruments = ", ".join(summary["instruments"][:4]) + (" …" if len(summary["instruments"]) > 4 else "")
    invented = ", invented prices" if manifest.invented_prices else ""
    return {
        "title": f"{names} on {instruments}",
        "subtitle": f"{summary['start'][:16]}Z to {summary['end'][:16]}Z, {session.capital:,f} "
        f"{session.currency}, {summary['rows']:,} rows{invented}; fills {summary['fills_hash'][:16]}",
        "summary": summary,
        "equity": _equity(result),
        "rolling": _rolling(result),
        "months": [[year, month, _short(each)] for year, month, each in monthly_returns(result.points)],
        "drawdowns": [
            [each.fraction, _s(each.ts_peak), _s(each.ts_trough), _s(each.ts_recovered)]
            for each in result.performance.drawdowns[:10]
        ],
        "slippage": _number(slippage(result)),
        "candles": _candles(result),
        "fills": _fills(result),
        "trades": _trades(result),
        "parameters": _parameters(manifest),
    }


def slippage(result: Result) -> Decimal | None:
    """What fills cost against the prices decided on; None where instruments settle in several currencies."""
    contracts = {key: Contract.of(each) for key, each in result.session.by_key.items()}
    if len({each.currency for each in contracts.values()}) != 1:
        return None
    total = ZERO
    for fill in result.tally.fills:
        contract = contracts[fill.instrument]
        reference = result.reference_prices[fill.order_id]
        paid = contract.unit_value(fill.price) - contract.unit_value(reference)
        total += fill.side.sign * fill.quantity * paid
    return total


def _equity(result: Result) -> dict[str, list[Any]]:
    samples = _last_of_each_second(result.tally.samples)
    hold = dict(result.benchmark())
    depth = dict(underwater(result.points))
    start = result.session.start
    capital = float(result.session.capital)
    columns: dict[str, list[Any]] = {
        "t": [_s(start)], "value": [capital], "hold": [_short(hold.get(start))], "underwater": [0.0],
        "gross": [0.0], "net": [0.0], "fees": [0.0],
    }  # fmt: skip
    for each in samples:
        if _s(each.ts) == columns["t"][-1]:
            continue
        equity = float(each.equity)
        columns["t"].append(_s(each.ts))
        columns["value"].append(_short(equity))
        columns["hold"].append(_short(hold.get(each.ts)))
        columns["underwater"].append(_short(depth.get(each.ts)))
        columns["gross"].append(_short(float(each.gross_exposure) / equity) if equity > 0 else None)
        columns["net"].append(_short(float(each.net_exposure) / equity) if equity > 0 else None)
        columns["fees"].append(_short(float(each.fees)))
    return columns


def _last_of_each_second(samples: list[PnlSampled]) -> list[PnlSampled]:
    """Thinned out evenly to at most `POINTS_MAX`, the last one always among them."""
    last = list({each.ts // NS_PER_SECOND: each for each in samples}.values())
    step = -(-len(last) // POINTS_MAX) or 1
    return last[::-step][::-1]


def _rolling(result: Result) -> dict[str, Any]:
    annualisation, periods = result.performance.annualisation, ROLLING_PERIODS
    series = rolling_sharpe(result.points, annualisation)
    if len(series) < ROLLING_PERIODS and annualisation.step_ns > result.sample_ns:
        # Too short for its own step: as fine as was sampled, over the same span or a tenth of the whole.
        finer = type(annualisation).of(result.sample_ns)
        whole = (result.points[-1][0] - result.points[0][0]) // finer.step_ns
        annualisation, periods = finer, max(ROLLING_PERIODS, whole // 10)
        series = rolling_sharpe(result.points, annualisation, periods)
    series = series[:: -(-len(series) // POINTS_MAX) or 1]
    return {
        "t": [_s(ts) for ts, _ in series],
        "value": [_short(value) for _, value in series],
        "note": f"of the last {periods}; {annualisation}",
    }


def _candles(result: Result) -> dict[str, Any]:
    market = result.market
    if market is None:
        return {}
    most = max(CANDLES_MAX // max(len(market.instruments), 1), 500)
    found = {key: market.candles(key, most) for key in market.instruments}
    decimals = {key: each.price_decimals for key, each in result.session.by_key.items()}
    return {key: _candle_columns(each, decimals[key]) for key, each in found.items() if each is not None}


def _candle_columns(candles: Candles, decimals: int) -> dict[str, Any]:
    seconds = candles.interval / NS_PER_SECOND
    size, unit = next((each for each in _SPANS if seconds % each[0] == 0), (1, "s"))
    columns: dict[str, Any] = {
        name: [round(value, decimals) for value in column.tolist()]
        for name, column in (
            ("o", candles.open),
            ("h", candles.high),
            ("l", candles.low),
            ("c", candles.close),
        )
    }
    times = (candles.ts // NS_PER_SECOND).tolist()
    return {"t": times, **columns, "decimals": decimals, "span": f"{seconds / size:g}{unit}"}


def _fills(result: Result) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for each in sorted(result.tally.fills, key=lambda fill: fill.ts):
        own = columns.setdefault(each.instrument, {"t": [], "side": [], "price": [], "quantity": []})
        own["t"].append(_s(each.ts))
        own["side"].append(each.side.sign)
        own["price"].append(_number(each.price))
        own["quantity"].append(_number(each.quantity))
    return columns


def _trades(result: Result) -> dict[str, Any]:
    trips = result.trips[::-1]
    strategies = sorted({each.strategy for each in trips})
    instruments = sorted({each.instrument for each in trips})
    return {
        "strategies": strategies,
        "instruments": instruments,
        "open": [_s(each.ts_open) for each in trips],
        "close": [_s(each.ts_close) for each in trips],
        "strategy": [strategies.index(each.strategy) for each in trips],
        "instrument": [instruments.index(each.instrument) for each in trips],
        "side": [1 if each.side == "long" else -1 for each in trips],
        "quantity": [_number(each.quantity) for each in trips],
        "entry": [_number(each.price_open) for each in trips],
        "exit": [_number(each.price_close) for each in trips],
        "pnl": [_number(each.pnl) for each in trips],
        "fees": [_number(each.fees) for each in trips],
        "net": [_number(each.net) for each in trips],
    }


def _parameters(manifest: RunManifest) -> dict[str, Any]:
    session = manifest.config["session"]
    strategies = {
        each["name"]: {
            "source": each["source"],
            "interval_s": each["interval"] / NS_PER_SECOND,
            **each["parameters"],
        }
        for each in session["strategies"]
    }
    instruments = {each["instrument"]: each for each in session["instruments"]}
    return {
        "strategies": strategies,
        "risk": manifest.config["risk"],
        "execution": manifest.config["execution"],
        "instruments": instruments,
        "run": manifest.model_dump(mode="json", exclude={"config", "files"}),
    }


def _s(ns: int | None) -> int | None:
    return None if ns is None else ns // NS_PER_SECOND


def _number(value: Decimal | None) -> float | None:
    return None if value is None else _short(float(value))


def _short(value: float | None) -> float | None:
    """Ten digits are more than a chart shows."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")
