"""The shell around the stages: log, store, snapshots, telemetry, settings and the service loop."""
