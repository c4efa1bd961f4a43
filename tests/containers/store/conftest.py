from support.timescale import timescale_server, timescale_url

__all__ = ["timescale_server", "timescale_url"]
