"""What Prometheus reads of a session, and how an order came about."""

from penstock_runtime.health import Health
from prometheus_client.parser import text_string_to_metric_families
from support.api import Api
from support.messages import approved, fill, signal


async def test_one_target_has_the_metrics_of_every_service(api: Api) -> None:
    risk, strategy = Health("risk"), Health("strategy")
    risk.state, risk.events = "running", 3
    strategy.tally.made(signal(strategy="cross"), known=False)
    for health in (risk, strategy):
        await health.send(api.session.log)
    families = {}
    while "penstock_signals" not in families:
        answer = await api.client.get("/metrics")
        assert answer.status_code == 200
        families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain")
    (signals,) = families["penstock_signals"].samples
    assert (signals.labels, signals.value) == ({"service": "strategy", "strategy": "cross"}, 1)
    services = {each.labels["service"]: each.value for each in families["penstock_events"].samples}
    assert services["risk"] == 3


async def test_an_order_s_trace_needs_no_database(api: Api) -> None:
    await api.session.put("sig", signal(signal_id="s-1"))
    await api.session.put("ord", approved(signal_id="s-1", order_id="o-1"))
    await api.session.put("ven", fill(order_id="o-1"))
    answer = await api.client.get("/api/v1/orders/o-1/trace")
    assert answer.status_code == 200, answer.text
    spans = answer.json()["items"]
    assert [each["name"] for each in spans] == ["strategy.signal", "risk.approve", "venue.fill"]
    assert spans[1]["attributes"]["penstock.order_id"] == "o-1"
    assert (await api.client.get("/api/v1/orders/o-2/trace")).status_code == 404
