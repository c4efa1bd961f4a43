"""Penstock beside other engines: `make bench-peers` prints tables and writes `bench/peers.json`."""
