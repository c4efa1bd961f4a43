"""What a name says of an instrument: `btc-perp-1m-2022-01`, `eth-btc-5m`, `BTC/USDT:USDT`, `ETHUSDT`."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from penstock_contracts.subjects import slug
from penstock_contracts.types import InstrumentKind

QUOTES = (
    "usdt", "usdc", "busd", "fdusd", "tusd", "dai", "usd", "eur", "gbp", "jpy", "chf", "aud", "cad", "try",
    "brl", "krw", "btc", "eth", "bnb",
)  # fmt: skip
"""Currencies that end a symbol written in one word; the longer before those that they end with."""
DOLLARS = frozenset({"USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI"})
_KINDS = {
    "perp": InstrumentKind.PERPETUAL,
    "perpetual": InstrumentKind.PERPETUAL,
    "swap": InstrumentKind.PERPETUAL,
    "future": InstrumentKind.FUTURE,
    "futures": InstrumentKind.FUTURE,
    "spot": InstrumentKind.SPOT,
}
_NOISE = frozenset(
    {
        "trades", "trade", "aggtrades", "bars", "bar", "ohlcv", "ohlc", "klines", "kline", "candles", "data",
        "quotes", "quote", "bbo", "book", "books", "depth", "orderbook", "snapshot", "snapshots", "updates",
        "funding", "liquidation", "liquidations", "status", "rate", "rates", "forceorder", "forceorders",
        "changes",
    }
)  # fmt: skip
_INTERVAL = re.compile(r"(\d+)(s|sec|m|min|h|d)")
_UNIT = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


QUOTED = "quoted"
"""With this an assumption of a quote currency begins."""


@dataclass(frozen=True, slots=True)
class Named:
    """A symbol's parts; `assumptions` says which of them the name does not tell."""

    symbol: str
    base: str
    quote: str
    settlement: str
    kind: InstrumentKind
    assumptions: tuple[str, ...] = ()


def stem(file: Path) -> str:
    """A file's name without its extensions, small."""
    return re.sub(r"\.(csv|tsv|txt|parquet|pq|gz|zip|jsonl|data)", "", file.name.lower())


def interval_of(file: Path) -> int | None:
    """The interval that a file's name states (`-5m-`), ns."""
    for token in _tokens(stem(file)):
        match = _INTERVAL.fullmatch(token)
        if match is not None and int(match[1]) > 0:
            return int(match[1]) * _UNIT[match[2]] * 10**9
    return None


def from_file(file: Path) -> Named:
    """The instrument that a file's name tells of, without dates, intervals and words like `trades`."""
    tokens: list[str] = []
    for token in _tokens(stem(file)):
        if re.fullmatch(r"\d+", token) or _INTERVAL.fullmatch(token) or token in _NOISE:
            if tokens:
                break
            continue
        tokens.append(token)
    return from_symbol("-".join(tokens) or stem(file))


def from_symbol(text: str) -> Named:
    """The instrument that a symbol tells of, as a venue or a person writes it."""
    pair, _, settled = text.partition(":")
    words = _tokens(pair.lower())
    kind = next((_KINDS[word] for word in words if word in _KINDS), None)
    parts = [word for word in words if word not in _KINDS]
    assumptions: list[str] = []
    if len(parts) == 1:
        parts = _split_word(parts[0])
    if not parts:
        parts = [slug(text)]
    if settled and kind is None:
        kind = InstrumentKind.PERPETUAL
    base, quote = parts[0].upper(), (parts[1] if len(parts) > 1 else "usd").upper()
    if len(parts) == 1:
        assumptions.append(f"{QUOTED} in USD: the name {text} states no quote currency")
    if kind is None:
        kind = InstrumentKind.SPOT
        assumptions.append("spot: the name states no kind")
    settlement = _tokens(settled.lower())[0].upper() if _tokens(settled.lower()) else quote
    return Named(slug(pair), base[:16], quote[:16], settlement[:16], kind, tuple(assumptions))


def called(named: Named, key: str) -> Named:
    """What a file's name tells of an instrument that is defined as `key`: the key's currencies go before."""
    own = from_symbol(key.rpartition(".")[0])
    if any(text.startswith(QUOTED) for text in own.assumptions):
        return named
    kept = tuple(text for text in named.assumptions if not text.startswith(QUOTED))
    return replace(named, base=own.base, quote=own.quote, settlement=own.settlement, assumptions=kept)


def _tokens(text: str) -> list[str]:
    return [token for token in re.split(r"[^a-z0-9]+", text) if token]


def _split_word(word: str) -> list[str]:
    for quote in QUOTES:
        if word.endswith(quote) and len(word) > len(quote) + 1:
            return [word.removesuffix(quote), quote]
    return [word]
