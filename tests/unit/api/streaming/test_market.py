import json
from typing import Any

from penstock_api.streaming.market import TAPE_ROWS, WAITING_MAX, MarketBoard
from penstock_contracts import frames, headers, subjects
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.codec import encode
from penstock_contracts.headers import Origin
from penstock_contracts.market import Gap
from support.messages import KEY, START, book, feature_bars, prices, quotes, trades


def part(family: Family, message: Message) -> tuple[str, bytes, bytes]:
    entry = type_of(message, family)
    subject = subjects.subject(0, family, 1, entry.kind, subjects.key_of(message))
    return (
        subject,
        headers.numbered(entry.name, Origin("ingest", 1, 1), 1, partition=0, config=""),
        encode(message),
    )


def hear(board: MarketBoard, family: Family, message: Message) -> None:
    subject, block, data = part(family, message)
    board.heard(subject, "", block, data)


def shown(board: MarketBoard) -> dict[str, Any]:
    board.look()
    found: dict[str, Any] = json.loads(board.instruments[KEY].text)
    return found


def watched() -> MarketBoard:
    board = MarketBoard()
    board.watched = True
    return board


def test_trades_quotes_books_and_features_are_shown_as_decimals() -> None:
    board = watched()
    for family, message in (("md", trades()), ("md", quotes()), ("md", book()), ("feat", feature_bars())):
        hear(board, family, message)  # type: ignore[arg-type]
    market = shown(board)
    assert market["last"] == "46301.50"
    assert (market["bid"], market["ask"], market["bid_size"]) == ("46301.12", "46301.13", "0.080000")
    assert [(each["price"], each["side"]) for each in market["tape"]] == [
        ("46301.12", "buy"),
        ("46301.50", "sell"),
    ]
    assert market["book"] == {"ts": START + 100, "bids": [["46301.11", "1.250000"]], "asks": []}
    assert market["features"] == {"fast": 46300.75, "slow": 46310.125}


def test_a_frame_shows_what_it_carries() -> None:
    board = watched()
    board.heard(*_heard(frames.pack([part("md", trades()), part("md", quotes())])))
    assert shown(board)["last"] == "46301.50"


def _heard(packed: tuple[str, bytes, bytes]) -> tuple[str, str, bytes, bytes]:
    subject, block, data = packed
    return subject, "", block, data


def test_while_nobody_watches_only_books_are_taken() -> None:
    board = MarketBoard()
    hear(board, "md", trades())
    hear(board, "md", book())
    market = shown(board)
    assert market["tape"] == []
    assert market["book"] is not None


def test_prices_of_the_log_show_an_instrument_without_trades() -> None:
    board = MarketBoard()
    board.take_prices(prices())
    assert shown(board)["last"] == "46301.50"
    assert json.loads(board.instruments["eth-usdt.binance"].text)["bid"] is None


def test_the_tape_keeps_the_last_trades() -> None:
    board = watched()
    count = TAPE_ROWS + 15
    hear(board, "md", trades(range(START, START + count), range(1, count + 1)))
    tape = shown(board)["tape"]
    assert len(tape) == TAPE_ROWS
    assert tape[-1]["price"] == "0.40"


def test_a_book_of_which_something_was_dropped_is_unknown_until_its_next_snapshot() -> None:
    board = watched()
    hear(board, "md", book())
    assert shown(board)["book"] is not None
    hear(board, "md", book())
    for _ in range(WAITING_MAX):
        hear(board, "md", trades())
    assert board.dropped == 1
    assert shown(board)["book"] is None
    hear(board, "md", book())
    assert shown(board)["book"] is not None


def test_a_gap_in_the_book_makes_it_unknown() -> None:
    board = watched()
    hear(board, "md", book())
    gap = Gap(instrument=KEY, source="x", ts_init=START, ts_from=START, ts_to=START, reason="lost", book=True)
    hear(board, "md", gap)
    assert shown(board)["book"] is None


def test_what_cannot_be_read_is_counted_and_the_rest_is_shown() -> None:
    board = watched()
    subject, block, _ = part("md", trades())
    board.heard(subject, "", block, b"nonsense")
    hear(board, "md", trades())
    assert shown(board)["last"] == "46301.50"
    assert board.dropped == 1


def test_a_text_is_made_once_a_version() -> None:
    board = watched()
    hear(board, "md", trades())
    board.look()
    market = board.instruments[KEY]
    assert market.text is market.text
    before = market.version
    hear(board, "md", trades((START + 50_000_000,), (4_630_200,)))
    board.look()
    assert market.version > before
    assert json.loads(market.text)["last"] == "46302.00"
