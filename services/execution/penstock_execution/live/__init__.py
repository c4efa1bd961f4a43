"""Execution at a live venue: orders sent as soon as they are approved, and the venue's word for the rest."""
