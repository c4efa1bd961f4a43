"""Metrics: what they are called, where they come from, and the two ways in which they leave."""

from penstock_runtime.metrics.names import METRICS, Metric
from penstock_runtime.metrics.samples import Distribution, Sample, samples

__all__ = ["METRICS", "Metric", "Sample", "Distribution", "samples"]
