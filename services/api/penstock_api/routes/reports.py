"""Reports of sessions and backtests, as they were written."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import JsonValue

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of
from penstock_api.problems import Problem
from penstock_api.reports import ReportEntry, Reports
from penstock_api.views.base import Items

router = APIRouter(prefix="/api/v1", tags=["reports"], dependencies=[VIEWER])

Key = Annotated[str, Path(max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]


@router.get("/reports")
def reports(request: Request) -> Items[ReportEntry]:
    """The sessions of this data directory and the backtests beside their reports, the last one first."""
    return Items(items=Reports(context_of(request).data_dir).entries())


@router.get("/reports/{name}")
def report(request: Request, name: Key) -> dict[str, JsonValue]:
    """The report of a session or backtest."""
    found = Reports(context_of(request).data_dir).report(name)
    if found is None:
        raise Problem(404, f"there is no report of {name}")
    return found
