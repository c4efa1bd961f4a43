"""Messages, subjects, the type registry and the JSON Schemas of the log."""
