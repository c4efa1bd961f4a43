"""What a run comes to: its business events in canonical order, its report, and the proof of both.

Pure: everything comes in as messages and values, from the log or from a chained run alike.
"""
