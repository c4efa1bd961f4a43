"""The dashboard: static files of the package. Everything on it comes over the api and its stream."""

from fastapi import APIRouter

from penstock_api.dashboard import routes, trace

router = APIRouter()
router.include_router(routes.files)
router.include_router(trace.router)

__all__ = ["router"]
