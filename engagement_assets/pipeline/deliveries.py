"""Audiences to a webhook: of each new day, each audience once, with retries and an idempotency key.

Delivered is what the receiver has answered 2xx to, or 409: it has it already. What fails is tried again, at once a few times and
then at every tick; each try has the same key, so that a receiver whose answer got lost can drop the repeat. A day that is built
again is not sent again. Nothing of a customer gets into Dagster's log: only names of audiences, counts and statuses do.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

import dagster as dg

from engagement_assets.domain.contracts import CampaignAudiences
from engagement_assets.exports.audience_files import contacts
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.webhook import WebhookError, post
from engagement_assets.settings import Settings

SENSOR = "audiences_to_webhook"

#: How often a new audience is looked for, seconds.
_TICK_SECONDS = 60

#: All tries of a tick may take so long, seconds: no longer than Dagster waits for one.
_BUDGET_SECONDS = 45.0

#: Seconds before the second try, the third, ...
PAUSES = (0.5, 1.0, 2.0)

#: Keys are names in a namespace of the product's own.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "campaign-audiences.engagement")

Tell = Callable[[str], None]


@dataclass
class Delivered:
    """The day that is being delivered and its audiences that are; a sensor's cursor."""

    as_of_date: str = ""
    audiences: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: str | None) -> Delivered:
        """Read a cursor; anything else than one is as if nothing was delivered."""
        try:
            found = json.loads(cursor or "")
            return cls(str(found["as_of_date"]), [str(name) for name in found["audiences"]])
        except (ValueError, KeyError, TypeError):
            return cls()

    def cursor(self) -> str:
        """As text."""
        return json.dumps(asdict(self))


def idempotency_key(day: str, audience: str) -> str:
    """The key of an audience of a day: the same whenever and however often it is sent."""
    return str(uuid.uuid5(_NAMESPACE, f"{day}/{audience}"))


def deliver(settings: Settings, lake: LakeResource, before: Delivered, tell: Tell, **options: Any) -> Delivered:
    """Post those audiences of the latest day that are not delivered yet; returns what is now.

    Days before the latest are not sent: their moment has passed. Stops at the first audience that the receiver does not take.
    """
    if settings.audience_webhook is None:
        return before
    published = list(lake.partitions(CampaignAudiences))
    if not published or published[-1] < before.as_of_date:
        return before
    day, rows = contacts(settings, lake, published[-1])
    now = Delivered(day, list(before.audiences) if day == before.as_of_date else [])
    address, until = settings.audience_webhook.get_secret_value(), time.monotonic() + _BUDGET_SECONDS
    for audience, members in groupby(rows, key=lambda row: row["audience"]):
        if audience in now.audiences:
            continue
        body: dict[str, Any] = {"audience": audience, "as_of_date": day}
        # What is said once of an audience is not said of each customer.
        customers = [{name: value for name, value in row.items() if name not in body} for row in members]
        body["customers"] = customers
        try:
            tries = post(
                address, body, key=idempotency_key(day, audience), until=until, **{"pauses": PAUSES, **options}
            )
        except WebhookError as error:
            tell(f"{audience} of {day}: not delivered ({error}); tried again at the next tick")
            break
        now.audiences.append(audience)
        tell(f"{audience} of {day}: {len(customers)} customer(s) delivered at try {tries}")
    return now


def build_delivery_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor; it is off until it is switched on, and does nothing without an address."""

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=_TICK_SECONDS,
        target=dg.AssetSelection.assets(settings.asset_key(CampaignAudiences.table())),
        description="Posts the audiences of each new day to ENGAGEMENT_AUDIENCE_WEBHOOK, each once, with an idempotency key.",
    )
    def audiences_to_webhook(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if settings.audience_webhook is None:
            return dg.SkipReason("no address is set: ENGAGEMENT_AUDIENCE_WEBHOOK")
        told: list[str] = []
        now = deliver(settings, LakeResource.of(settings), Delivered.of(context.cursor), told.append)
        context.update_cursor(now.cursor())
        return dg.SkipReason("; ".join(told) or "every audience of the latest day is delivered")

    return audiences_to_webhook
