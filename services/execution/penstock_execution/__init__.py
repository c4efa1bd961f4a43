"""Approved orders to a venue: the paper venue, order states and fills."""
