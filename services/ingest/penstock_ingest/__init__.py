"""Market data from venues, files and generators onto the log, with the marks that keep time."""
