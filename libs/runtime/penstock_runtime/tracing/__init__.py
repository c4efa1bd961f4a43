"""Tracing: one trace per order, from the tick to the fill, told by the headers of the log's messages."""
