"""Penstock's messages: what services say to one another, and how it is written down."""
