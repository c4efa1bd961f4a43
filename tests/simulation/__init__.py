"""All services of a session in one process, over a log in memory that loses, delays and repeats."""
