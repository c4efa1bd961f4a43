"""The projection of the log into the database."""
