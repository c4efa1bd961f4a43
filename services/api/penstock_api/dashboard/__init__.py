"""The dashboard: static files of the package. Everything on it comes over the api and its stream."""

from penstock_api.dashboard.routes import router

__all__ = ["router"]
