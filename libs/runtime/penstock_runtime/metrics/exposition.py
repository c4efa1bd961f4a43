"""Samples as Prometheus reads them."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from penstock_runtime.metrics.names import METRICS, SECONDS_BOUNDS
from penstock_runtime.metrics.samples import Distribution, Sample

CONTENT_TYPE = CONTENT_TYPE_LATEST


def text(found: Sequence[Sample]) -> bytes:
    """The exposition of these samples, in the format of `CONTENT_TYPE`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed(found))
    return generate_latest(registry)


class _Fixed(Collector):
    def __init__(self, found: Sequence[Sample]) -> None:
        self._found = found

    def collect(self) -> Iterable[Family]:
        """One family a metric that has samples."""
        families: dict[str, Family] = {}
        for sample in self._found:
            family = families.get(sample.name)
            if family is None:
                family = families[sample.name] = _family(sample)
            _add(family, sample)
        return families.values()


def _family(sample: Sample) -> Family:
    metric = METRICS[sample.name]
    labels = [name for name, _ in sample.labels]
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name.removesuffix("_total"), metric.text, labels=labels)
    if metric.kind == "gauge":
        return GaugeMetricFamily(metric.name, metric.text, labels=labels)
    return HistogramMetricFamily(metric.name, metric.text, labels=labels)


def _add(family: Family, sample: Sample) -> None:
    values = [value for _, value in sample.labels]
    match family, sample.value:
        case HistogramMetricFamily(), Distribution(counts, sum_s):
            bounds = [*map(str, SECONDS_BOUNDS), "+Inf"]
            cumulative = [float(each) for each in accumulate(counts)]
            family.add_metric(values, list(zip(bounds, cumulative, strict=True)), sum_s)
        case CounterMetricFamily() | GaugeMetricFamily(), float(value):
            family.add_metric(values, value)
        case _:
            raise TypeError(f"{sample.name} is a {METRICS[sample.name].kind}, not {sample.value!r}")
