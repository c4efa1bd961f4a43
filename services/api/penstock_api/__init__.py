"""The HTTP interface: a replica of the trading state, and commands."""
