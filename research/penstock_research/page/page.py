"""One HTML file with everything in it: no request leaves the reader's machine."""

import json
from html import escape
from importlib.resources import files
from typing import Any

from penstock_research.environment import RunManifest
from penstock_research.outcome import Result
from penstock_research.page.content import content

_LIBRARIES = ("uplot.js", "lightweight-charts.js")
_STYLES = ("uplot.css", "page.css")


def page(result: Result, summary: dict[str, Any], manifest: RunManifest) -> str:
    """The report of a run. Names are data in it, never markup."""
    data = content(result, summary, manifest)
    # A closing tag inside a string would end the script element.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    parts = {
        "TITLE": escape(data["title"]),
        "STYLE": "\n".join(_asset(name) for name in _STYLES),
        "DATA": text,
        "LIBRARIES": "\n".join(_asset(name) for name in _LIBRARIES),
        "SCRIPT": _asset("page.js"),
    }
    made = _asset("page.html")
    before, *rest = made.split("%")
    # Replaced in one pass: what is inserted is not searched for further marks.
    pieces = [before]
    for at, piece in enumerate(rest):
        pieces.append(parts[piece] if at % 2 == 0 else piece)
    return "".join(pieces)


def _asset(name: str) -> str:
    return (files("penstock_research.page") / "assets" / name).read_text(encoding="utf-8")
