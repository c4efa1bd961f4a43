"""What Prometheus reads of a session, and how an order came about."""

from penstock_runtime.health import Health
from penstock_runtime.log import NumberedWriter
from penstock_runtime.log.lineage import Lineage
from penstock_runtime.log.writer import Cause
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
    log = api.session.log
    lineage = Lineage()
    said = {"strategy": signal(signal_id="s-1"), "risk": approved(signal_id="s-1", order_id="o-1")}
    for producer, message in {**said, "execution": fill(order_id="o-1")}.items():
        writer = NumberedWriter(log, producer, session_id=api.session.session, config="")
        writer.lineage = lineage
        writer.begin(api.session.epochs[producer], 0, 0)
        output = writer.put(message, message.ts, Cause())
        assert output is not None
        await log.store_block(output.subject, output.block, output.payload)
    answer = await api.client.get("/api/v1/orders/o-1/trace")
    assert answer.status_code == 200, answer.text
    spans = answer.json()["items"]
    assert [each["name"] for each in spans] == ["strategy.signal", "risk.approve", "venue.fill"]
    assert [each["parent_id"] for each in spans] == ["", spans[0]["span_id"], spans[1]["span_id"]]
    assert spans[1]["attributes"]["penstock.order_id"] == "o-1"
    assert (await api.client.get("/api/v1/orders/o-2/trace")).status_code == 404
