"""The fault harness: real servers and processes under load; things are killed, then everything is checked."""
