"""From a valid configuration to the resolved document that all services of a session share.

Here the configuration meets the world: files are opened, instruments found, strategies loaded. Everything
that cannot be is told before any server starts.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

from penstock_api.alerts.config import AlertsConfig
from penstock_contracts.instrument import Instrument
from penstock_features.config import FeaturesConfig
from penstock_ingest.config import IngestConfig, parse_source
from penstock_ingest.errors import IngestError
from penstock_ingest.feed import Feed
from penstock_ingest.sources import choose_grid, instruments_of, open_sources, quoted_of, session_start
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_runtime.embedded.server import free_port
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.log import StreamLimits
from penstock_runtime.settings import config_hash
from penstock_strategy.declarations import declarations
from penstock_strategy.errors import StrategyLoadError

from penstock.config.explain import near
from penstock.config.features import feature_sets
from penstock.config.load import Loaded
from penstock.config.root import RootConfig, parse_capital
from penstock.config.strategies import StrategyChoice, default_name
from penstock.errors import ConfigError
from penstock.launch.servers import STORE_BYTES

SAMPLE_S_MAX = 3600
COIN_CAPITAL = Decimal(10)
COINS = frozenset({"BTC", "ETH"})
"""Quote currencies in which the default capital is `COIN_CAPITAL`: 100000 of them are beyond any learner."""

QUICK = {"fast": 4, "slow": 12}
"""Of the default strategy on one-second bars: who tries Penstock for two minutes wants to see it trade."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A session, ready to run."""

    document: dict[str, Any]
    session: SessionConfig
    config_hash: str
    profile: str
    ingest: IngestConfig
    feeds: tuple[Feed, ...] = ()
    """The sources, opened: nothing of them was read yet."""


def resolve(loaded: Loaded, session_id: str, now_ns: int) -> Resolved:
    """Resolve a configuration. ConfigError names what cannot be used."""
    root = loaded.root
    ingest = _ingest(loaded, now_ns)
    realtime = ingest.speed_factor is not None and ingest.speed_factor <= 1
    try:
        feeds = _chosen(open_sources(ingest), root.run.instruments)
        grid = choose_grid(feeds, ingest.grid, realtime)
        start = session_start(feeds, grid)
    except IngestError as error:
        raise ConfigError(f"ingest.sources: {error}") from error
    instruments = instruments_of(feeds)
    capital, currency = _account(loaded, instruments)
    specs = _strategies(loaded, feeds, instruments)
    keys = tuple(each.instrument for each in instruments)
    session = SessionConfig(
        session_id=session_id,
        currency=currency,
        capital=capital,
        grid=grid,
        start=start,
        instruments=instruments,
        strategies=specs,
        quoted=quoted_of(feeds),
        realtime=realtime,
        regime=root.run.regime.feature(),
        feature_sets=feature_sets(root.features.sets, keys, root.run.bar_interval or _interval(feeds, keys)),
    )
    try:
        features = FeaturesConfig.of(*declarations(session))
    except (StrategyLoadError, ValueError) as error:
        raise ConfigError(f"run.strategies: {error}") from error
    _known_instruments(root, instruments)
    document = {
        "session": session.model_dump(mode="json"),
        "ingest": ingest.model_dump(mode="json"),
        "features": features.model_dump(mode="json"),
        "strategy": root.strategy.model_dump(mode="json"),
        "risk": _risk(loaded, session),
        "execution": root.execution.model_dump(mode="json"),
        "recorder": root.recorder.model_dump(mode="json"),
        "api": _api(loaded),
        "alerts": _alerts(root.alerts),
        "log": _log(root.log, len(instruments)),
    }
    return Resolved(document, session, config_hash(document), loaded.profile, ingest, tuple(feeds))


def _log(limits: StreamLimits, instruments: int) -> dict[str, Any]:
    """The streams' limits: room for what is on its way, and in the store. ConfigError if there is none."""
    try:
        limits.hold(instruments)
        limits.fit(STORE_BYTES)
    except BadConfiguration as error:
        raise ConfigError(str(error)) from error
    return limits.model_dump(mode="json")


def _ingest(loaded: Loaded, now_ns: int) -> IngestConfig:
    """With absolute paths, for services may run elsewhere; at 1x the synthetic market begins now."""
    ingest = loaded.root.ingest
    changes: dict[str, Any] = {"sources": tuple(_absolute(each) for each in ingest.sources)}
    if ingest.instruments_file is not None:
        changes["instruments_file"] = Path(ingest.instruments_file).expanduser().absolute()
    if ingest.speed_factor == 1.0 and not loaded.is_set("ingest", "synthetic", "start"):
        start = now_ns // NS_PER_SECOND * NS_PER_SECOND
        changes["synthetic"] = ingest.synthetic.model_copy(update={"start": start})
    return ingest.model_copy(update=changes)


def _absolute(source: str) -> str:
    parsed = parse_source(source)
    return (
        source if parsed.kind == "synthetic" else f"{parsed.kind}:{Path(parsed.path).expanduser().absolute()}"
    )


def _chosen(feeds: Sequence[Feed], wanted: Sequence[str]) -> list[Feed]:
    known = {feed.instrument.instrument for feed in feeds}
    for key in wanted:
        if key not in known:
            raise ConfigError(f"run.instruments: the sources have no {key}; {near(key, known)}")
    return [feed for feed in feeds if not wanted or feed.instrument.instrument in wanted]


def _account(loaded: Loaded, instruments: Sequence[Instrument]) -> tuple[Decimal, str]:
    amount, currency = parse_capital(loaded.root.run.capital)
    if currency is None:
        quotes = sorted({each.quote for each in instruments})
        if len(quotes) != 1:
            raise ConfigError(
                f"run.capital: the instruments are quoted in {', '.join(quotes)}; "
                f"name the account's currency, as in --capital '{loaded.root.run.capital} {quotes[0]}'"
            )
        currency = quotes[0]
    if currency in COINS and not loaded.is_set("run", "capital"):
        amount = COIN_CAPITAL
    return amount, currency


def _strategies(
    loaded: Loaded, feeds: Sequence[Feed], instruments: Sequence[Instrument]
) -> tuple[StrategySpec, ...]:
    root = loaded.root
    known = tuple(each.instrument for each in instruments)
    choices = root.run.strategies
    if not loaded.is_set("run", "strategies") and not any(feed.bar_interval for feed in feeds):
        choices = (StrategyChoice(source="ma_cross", parameters=QUICK),)
    # A shadow strategy has as much capital as the others, virtually: it takes none of theirs.
    sharing = sum(each.mode == "trade" for each in choices) or len(choices)
    share = (Decimal(1) / sharing).quantize(Decimal("1e-6"), rounding=ROUND_DOWN)
    specs: dict[str, StrategySpec] = {}
    for choice in choices:
        name = _name(choice, specs)
        for key in choice.instruments:
            if key not in known:
                raise ConfigError(f"run.strategies: {name}: the session has no {key}; {near(key, known)}")
        keys = choice.instruments or known
        specs[name] = StrategySpec(
            name=name,
            source=_located(choice.source),
            parameters=choice.parameters,
            instruments=keys,
            interval=choice.interval or root.run.bar_interval or _interval(feeds, keys),
            capital_fraction=choice.capital_fraction or share,
            mode=choice.mode,
            shadow_cost_bps=choice.shadow_cost_bps,
            guardrails=choice.guardrails,
        )
    return tuple(specs.values())


def _name(choice: StrategyChoice, taken: dict[str, StrategySpec]) -> str:
    if choice.name is not None:
        if choice.name in taken:
            raise ConfigError(f"run.strategies: two strategies are named {choice.name}")
        return choice.name
    name, count = default_name(choice.source), 1
    while (unique := name if count == 1 else f"{name}-{count}") in taken:
        count += 1
    return unique


def _located(source: str) -> str:
    path, colon, name = source.rpartition(":")
    return f"{Path(path).expanduser().absolute()}:{name}" if colon and path.endswith(".py") else source


def _interval(feeds: Sequence[Feed], keys: Sequence[str]) -> int:
    """The file's own where all these instruments come as bars, else a second."""
    mine = [feed for feed in feeds if feed.makes is not None and feed.instrument.instrument in keys]
    intervals = [feed.bar_interval for feed in mine]
    bars = [each for each in intervals if each is not None]
    return max(bars) if bars and len(bars) == len(intervals) else NS_PER_SECOND


def _known_instruments(root: RootConfig, instruments: Sequence[Instrument]) -> None:
    known = [each.instrument for each in instruments]
    for key in root.risk.instrument_limits:
        if key not in known:
            raise ConfigError(
                f"risk.instrument_limits.{key}: the session has no such instrument; {near(key, known)}"
            )


def _api(loaded: Loaded) -> dict[str, Any]:
    """With a port that is known before it listens, and free: that of another session is not waited for."""
    api = loaded.root.api
    if api.port == 0 or (not loaded.is_set("api", "port") and not port_is_free(api.host, api.port)):
        api = api.model_copy(update={"port": free_port()})
    return api.model_dump(mode="json")


def _alerts(alerts: AlertsConfig) -> dict[str, Any]:
    """With absolute paths. ConfigError for an address that cannot be read, or that others can read too."""
    targets = []
    for target in alerts.targets:
        try:
            target.address()
        except ValueError as error:
            raise ConfigError(f"alerts.targets: {error}") from error
        file = target.url_file
        changes = {} if file is None else {"url_file": file.expanduser().absolute()}
        targets.append(target.model_copy(update=changes))
    return alerts.model_copy(update={"targets": tuple(targets)}).model_dump(mode="json")


def port_is_free(host: str, port: int) -> bool:
    """Whether nobody listens on a port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _risk(loaded: Loaded, session: SessionConfig) -> dict[str, Any]:
    """Equity is sampled as often as the strategies see bars, at most hourly, unless it was set."""
    risk = loaded.root.risk
    if not loaded.is_set("risk", "sample_interval_s"):
        finest = min(each.interval for each in session.strategies)
        seconds = min(max(finest // NS_PER_SECOND, 1), SAMPLE_S_MAX)
        if finest >= 60 * NS_PER_SECOND and not session.realtime:
            seconds = SAMPLE_S_MAX
        risk = risk.model_copy(update={"sample_interval_s": seconds})
    return risk.model_dump(mode="json")
