"""`docker compose up` from nothing: it trades, survives the death of a part, goes on after down, and agrees.

One stack, in the order of the tests: each goes on with what the one before it left.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from typing import Any

import pytest
from containers.conftest import REPOSITORY, Stack, inspect

STAGES = ("ingest", "features", "strategy", "risk", "execution")
pytestmark = pytest.mark.slow


def ask(stack: Stack, path: str, token: str) -> Any:
    port = stack.must("port", "api", "8420").strip().rpartition(":")[2]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def kill(stack: Stack, service: str) -> None:
    """As the kernel kills: from outside, and nobody told the engine, which would take it for a wish."""
    pid = str(stack.state(service)["Pid"])
    inside = ["--rm", "--pid", "host", "--user", "0", "--entrypoint", "sh"]
    subprocess.run(["docker", "run", *inside, "penstock", "-c", f"kill -9 {pid}"], check=True, timeout=120)


def test_up_trades_the_synthetic_market_and_serves_the_api(stack: Stack) -> None:
    stack.up()
    stack.until(lambda: (stack.status()["fills"] or 0) > 0, "a fill")
    token = stack.must("exec", "-T", "warden", "cat", "/credentials/api.token").strip()
    assert ask(stack, "/readyz", token)["status"] == "ready"
    session = ask(stack, "/api/v1/session", token)
    assert session["session_id"] == stack.status()["session_id"]
    assert session["database"].startswith("timescale")


def test_every_container_of_ours_runs_as_nobody_on_a_file_system_that_cannot_be_written(stack: Stack) -> None:
    for service in (*STAGES, "recorder", "api", "warden", "nats"):
        (found,) = json.loads(inspect(stack.container(service)))
        host, config = found["HostConfig"], found["Config"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Memory"] > 0) == (True, ["ALL"], True), service
        assert config["User"] == "10001:10001", service
        ports = [each["HostIp"] for bound in (host["PortBindings"] or {}).values() for each in bound]
        assert set(ports) <= {"127.0.0.1"}, service
        secret = [each for each in config["Env"] if "://" in each and "@" in each]
        assert not secret, service


@pytest.mark.parametrize("service", ["risk", "nats", "timescaledb"])
def test_a_container_that_is_killed_comes_back_and_the_session_goes_on(stack: Stack, service: str) -> None:
    session, fills = stack.status()["session_id"], stack.status()["fills"] or 0
    kill(stack, service)
    stack.until(
        lambda: stack.state(service).get("Health", {}).get("Status") == "healthy", f"{service} healthy"
    )
    stack.until(lambda: (stack.status()["fills"] or 0) > fills, f"a fill after the death of {service}")
    assert stack.status()["session_id"] == session


def test_with_the_credentials_of_another_a_service_says_why_and_stays_without_being_started_again(
    stack: Stack,
) -> None:
    strategys = f"{stack.project}_credentials-strategy:/strategy:ro"
    file = "PENSTOCK_NATS_URL_FILE=/strategy/nats.url"
    one = stack.must("run", "--detach", "--no-deps", "-v", strategys, "-e", file, "risk").split()[-1]

    def said() -> str:
        done = subprocess.run(["docker", "logs", one], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    try:
        stack.until(lambda: "ended with exit code 77 and is not started again" in said(), "the refusal")
        assert "risk: the log at nats:4222 refuses publish to" in said()
        (found,) = json.loads(inspect(one))
        assert found["State"]["Running"]
        subprocess.run(["docker", "stop", one], capture_output=True, check=True)
        (found,) = json.loads(inspect(one))
        assert found["State"]["ExitCode"] == 77
    finally:
        subprocess.run(["docker", "rm", "--force", one], capture_output=True, check=True)


def test_with_a_wrong_password_of_the_database_the_recorder_says_so(stack: Stack) -> None:
    wrong = "PENSTOCK_POSTGRES_URL=postgresql://penstock:wrong@timescaledb:5432/penstock"
    ends = "PENSTOCK_REFUSED=exit"
    refused = stack.compose("run", "--rm", "--no-deps", "-T", "-e", wrong, "-e", ends, "recorder")
    assert refused.returncode == 77, refused.stdout + refused.stderr
    assert "the database refuses the credentials" in refused.stdout + refused.stderr


def test_down_drains_and_up_goes_on_with_the_same_session(stack: Stack) -> None:
    before = stack.status()
    stack.must("down")
    stack.up()
    assert "goes on" in stack.must("logs", "--no-color", "init")
    stack.until(lambda: (stack.status()["fills"] or 0) > (before["fills"] or 0), "a fill after down and up")
    assert stack.status()["session_id"] == before["session_id"]


def test_the_session_ends_flat_with_a_report_that_proves_itself(stack: Stack) -> None:
    session = stack.status()["session_id"]
    assert "its report is" in stack.penstock("down", "--flatten")
    stack.until(lambda: stack.state("warden")["Status"] == "exited", "the warden's end")
    assert stack.state("warden")["ExitCode"] == 0, stack.told()
    said = stack.must(
        "run", "--rm", "--no-deps", "-T", "init", "validate", f"/var/lib/penstock/out/{session}"
    )
    assert "agree" in said
    assert stack.state("ingest")["ExitCode"] == 0


def test_up_without_down_after_the_end_says_what_to_do(stack: Stack) -> None:
    again = stack.compose("up", "--detach", "--no-build")
    assert again.returncode != 0
    assert "services of it still run" in stack.must("logs", "--no-color", "init")


def test_compose_and_its_profiles_are_well_formed() -> None:
    done = subprocess.run(
        ["docker", "compose", "--profile", "obs", "config", "--format", "json"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 127 or "is not a docker command" in done.stderr:
        pytest.skip("no Compose here")
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert set(STAGES) <= set(services)
