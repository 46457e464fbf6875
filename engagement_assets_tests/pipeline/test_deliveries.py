"""Audiences to a webhook: a real server on loopback that fails, hangs, drops the connection and gets repeats."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql.pandas.types import to_arrow_schema

from engagement_assets.definitions import build_definitions
from engagement_assets.domain.contracts import CampaignAudiences
from engagement_assets.pipeline.deliveries import Delivered, deliver, idempotency_key
from engagement_assets.pipeline.webhook import WebhookError, post
from engagement_assets.settings import Settings
from engagement_assets_tests.dashboard.lakes import publish
from engagement_assets_tests.worlds import Row, World

FAST: dict[str, Any] = {"pauses": (0.01, 0.01, 0.01), "answer_seconds": 0.3}

HANG, DROP = -1, -2


@dataclass
class Receiver:
    """What the server got, and what it answers: statuses in turn, then 200; HANG: not in time, DROP: it closes."""

    answers: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    address: str = ""
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers["Idempotency-Key"]
            state.got.append((key, body))
            answer = state.answers.pop(0) if state.answers else 200
            if answer == DROP:
                state.taken[key] = body  # taken, but the answer never comes
                self.connection.close()
                return
            if answer == HANG:
                state.released.wait(2)
                return
            if answer == 200:
                answer = 409 if key in state.taken else 200
                state.taken.setdefault(key, body)
            self.send_response(answer)
            if answer in (302, 307):
                self.send_header("Location", state.address + "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()


def member(day: str, audience: str, customer: str, **changes: Any) -> Row:
    row = {
        "as_of_date": date.fromisoformat(day),
        "audience": audience,
        "customer_id": customer,
        "recommended_action": "Greet",
        "evidence": "spent 5.00",
        "priority": 5.0,
        "value": 5.0,
        "drop_share": 1.0,
        "country": "DE",
        "value_segment": "VIPs",
        "lifecycle_stage": "Active",
        "engagement_score": 0.8,
        "is_holdout": False,
        "is_contact_day": True,
        "is_to_contact": True,
    }
    return {**row, **changes}


@pytest.fixture
def shop(tmp_path: Path, receiver: Receiver) -> World:
    """A lake with two audiences of a day, one of two customers and one held out, one of one."""
    world = World(tmp_path, options={"audience_webhook": receiver.address})
    add(world, "2025-03-30", [member("2025-03-30", "reward_vips", "old")])
    add(
        world,
        "2025-03-31",
        [
            member("2025-03-31", "reward_vips", "zebra-1"),
            member("2025-03-31", "reward_vips", "zebra-2", priority=7.5, value=7.5),
            member("2025-03-31", "reward_vips", "held", is_holdout=True, is_to_contact=False),
            member("2025-03-31", "wake_dormant", "zebra-3"),
        ],
    )
    return world


def add(world: World, day: str, rows: Sequence[Row], name: str = "given") -> None:
    file = world.root / f"{day}.parquet"
    schema = to_arrow_schema(CampaignAudiences.struct(), timezone="UTC")
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), file)
    publish(world.lake, CampaignAudiences, {day: file}, f"{name}-{day}")


def sent(shop: World, before: Delivered) -> tuple[Delivered, list[str]]:
    told: list[str] = []
    return deliver(shop.settings, shop.lake, before, told.append, **FAST), told


def test_the_latest_day_is_posted_once(shop: World, receiver: Receiver) -> None:
    now, told = sent(shop, Delivered())
    assert now == Delivered("2025-03-31", ["reward_vips", "wake_dormant"])
    vips = receiver.taken[idempotency_key("2025-03-31", "reward_vips")]
    assert (vips["audience"], vips["as_of_date"]) == ("reward_vips", "2025-03-31")
    assert [row["customer_id"] for row in vips["customers"]] == ["zebra-2", "zebra-1"]
    assert vips["customers"][0] == {
        "customer_id": "zebra-2",
        "recommended_action": "Greet",
        "evidence": "spent 5.00",
        "priority": 7.5,
        "country": "DE",
    }
    assert told == [
        "reward_vips of 2025-03-31: 2 customer(s) delivered at try 1",
        "wake_dormant of 2025-03-31: 1 customer(s) delivered at try 1",
    ]
    assert sent(shop, now) == (now, [])
    assert len(receiver.got) == 2


def test_a_day_that_is_built_again_is_not_sent_again_and_the_next_day_is(shop: World, receiver: Receiver) -> None:
    now, _ = sent(shop, Delivered())
    add(shop, "2025-03-31", [member("2025-03-31", "reward_vips", "another")], "again")
    assert sent(shop, now) == (now, [])
    add(shop, "2025-04-01", [member("2025-04-01", "reward_vips", "zebra-1")])
    assert sent(shop, now)[0] == Delivered("2025-04-01", ["reward_vips"])
    assert len(receiver.got) == 3


def test_what_may_pass_is_tried_again_with_the_same_key(shop: World, receiver: Receiver) -> None:
    """A failure, then no answer in time, then it is taken."""
    receiver.answers = [503, HANG]
    now, told = sent(shop, Delivered())
    assert now.audiences == ["reward_vips", "wake_dormant"]
    assert told[0].endswith("delivered at try 3")
    keys = [key for key, _ in receiver.got]
    assert keys[:3] == [idempotency_key("2025-03-31", "reward_vips")] * 3
    assert keys[3] != keys[0]
    receiver.released.set()


def test_a_receiver_that_took_it_and_lost_the_line_gets_a_repeat_that_it_can_drop(
    shop: World, receiver: Receiver
) -> None:
    receiver.answers = [DROP]
    now, told = sent(shop, Delivered())
    assert told[0] == "reward_vips of 2025-03-31: 2 customer(s) delivered at try 2"
    assert now.audiences == ["reward_vips", "wake_dormant"]
    assert len(receiver.taken) == 2


def test_what_is_not_taken_is_left_for_the_next_tick(shop: World, receiver: Receiver) -> None:
    receiver.answers = [200, 500, 500, 500, 500]
    now, told = sent(shop, Delivered())
    assert now == Delivered("2025-03-31", ["reward_vips"])
    assert told[-1] == "wake_dormant of 2025-03-31: not delivered (it answers 500); tried again at the next tick"
    again, _ = sent(shop, Delivered.of(now.cursor()))
    assert again.audiences == ["reward_vips", "wake_dormant"]
    assert [body["audience"] for _, body in receiver.got].count("reward_vips") == 1


@pytest.mark.parametrize("status", [400, 401, 404, 302, 307])
def test_what_will_not_pass_is_not_tried_again_and_nobody_is_sent_elsewhere(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(WebhookError, match=f"it answers {status}"):
        post(receiver.address, {}, key="key", **FAST)
    assert len(receiver.got) == 1


def test_nobody_at_the_address_is_told_without_the_address(receiver: Receiver) -> None:
    with pytest.raises(WebhookError, match="no answer, ConnectionRefusedError") as caught:
        post("http://127.0.0.1:9/secret", {}, key="key", **FAST)
    assert "secret" not in str(caught.value)


def test_the_sensor_keeps_count_and_its_log_names_no_customer(shop: World, receiver: Receiver) -> None:
    definitions = build_definitions(shop.settings)
    sensor = definitions.resolve_sensor_def("audiences_to_webhook")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    with dg.build_sensor_context(instance=shop.instance, definitions=definitions) as context:
        found = sensor.evaluate_tick(context)
    assert "2 customer(s) delivered" in (found.skip_message or "")
    assert "zebra" not in f"{found.skip_message}{found.cursor}"
    with dg.build_sensor_context(instance=shop.instance, definitions=definitions, cursor=found.cursor) as context:
        later = sensor.evaluate_tick(context)
    assert later.skip_message == "every audience of the latest day is delivered"
    assert len(receiver.got) == 2
    without = build_definitions(Settings(lake=shop.settings.lake)).resolve_sensor_def("audiences_to_webhook")
    with dg.build_sensor_context(instance=shop.instance) as context:
        assert "no address is set" in (without.evaluate_tick(context).skip_message or "")
