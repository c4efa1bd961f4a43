"""The launcher: embedded servers, services as child processes, and a session from start to end."""
