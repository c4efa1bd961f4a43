"""The routes, one module for each subject. Each module has a `router`; `penstock_api.app` includes them."""
