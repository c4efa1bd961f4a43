"""A session in containers: what the launcher does for one on this machine, in the parts that compose runs."""
