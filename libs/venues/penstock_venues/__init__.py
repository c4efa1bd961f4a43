"""Venue adapters behind small ports. Today: the port of an order gateway, and its fake."""
