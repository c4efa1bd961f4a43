"""The paper venue: what a venue would do with our orders, as far as its market data can tell."""
