"""Audiences to a webhook: of each new day, each audience once, with retries and an idempotency key.

Delivered is what the receiver has answered 2xx to, or 409: it has it already. What fails is tried again, at once a few times and
then at every tick; each try has the same key, so that a receiver whose answer got lost can drop the repeat. A day that is built
again is not sent again. Nothing of a customer gets into Dagster's log: only names of audiences, counts and statuses do.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import groupby
from typing import Any

import dagster as dg

from engagement_assets.domain.contracts import CampaignAudiences
from engagement_assets.exports.audience_files import contacts
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings

SENSOR = "audiences_to_webhook"

#: How often a new audience is looked for, seconds.
_TICK_SECONDS = 60

#: One try may take so long, seconds; the whole of a tick, no longer than Dagster waits for one.
ANSWER_SECONDS = 10.0
_BUDGET_SECONDS = 45.0

#: Seconds before the second try, the third, ...
PAUSES = (0.5, 1.0, 2.0)

_ALREADY_THERE = 409

#: Keys are names in a namespace of the product's own.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "campaign-audiences.engagement")

Tell = Callable[[str], None]


class DeliveryError(RuntimeError):
    """The receiver did not take an audience; the message says what it answered, without its address."""


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
        return json.dumps({"as_of_date": self.as_of_date, "audiences": self.audiences})


def idempotency_key(day: str, audience: str) -> str:
    """The key of an audience of a day: the same whenever and however often it is sent."""
    return str(uuid.uuid5(_NAMESPACE, f"{day}/{audience}"))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Customers are sent to the address that was given, and to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def post(
    address: str,
    body: Mapping[str, Any],
    key: str,
    *,
    pauses: tuple[float, ...] = PAUSES,
    answer_seconds: float = ANSWER_SECONDS,
    until: float | None = None,
) -> int:
    """Post JSON with an idempotency key; returns the number of tries it took.

    Tried again after what may pass: no answer, 5xx, 408, 425, 429. Raises DeliveryError when that is of no use, or at the
    end of the tries or of the time (`until`, on the monotonic clock).
    """
    request = urllib.request.Request(
        address,
        json.dumps(body, ensure_ascii=False).encode(),
        {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": key},
        method="POST",
    )
    problem = ""
    for tries, pause in enumerate((0.0, *pauses), start=1):
        if until is not None and time.monotonic() + pause >= until:
            break
        time.sleep(pause)
        try:
            with _OPENER.open(request, timeout=answer_seconds):
                return tries
        except urllib.error.HTTPError as error:
            if error.code == _ALREADY_THERE:
                return tries
            problem = f"it answers {error.code}"
            if error.code < 500 and error.code not in (408, 425, 429):
                break
        except (OSError, HTTPException) as error:
            problem = f"no answer, {type(getattr(error, 'reason', None) or error).__name__}"
    raise DeliveryError(problem or "no time was left to try")


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
    done = before if day == before.as_of_date else Delivered(day)
    now = Delivered(day, list(done.audiences))
    until = time.monotonic() + _BUDGET_SECONDS
    for audience, members in groupby(rows, key=lambda row: row["audience"]):
        if audience in now.audiences:
            continue
        customers = [{name: value for name, value in row.items() if name not in _OF_ALL} for row in members]
        body = {"audience": audience, "as_of_date": day, "customers": customers}
        try:
            key = idempotency_key(day, audience)
            tries = post(settings.audience_webhook.get_secret_value(), body, key, until=until, **options)
        except DeliveryError as error:
            tell(f"{audience} of {day}: not delivered ({error}); tried again at the next tick")
            break
        now.audiences.append(audience)
        tell(f"{audience} of {day}: {len(customers)} customer(s) delivered at try {tries}")
    return now


#: What is said once of an audience and not of each customer.
_OF_ALL = ("audience", "as_of_date")


def build_delivery_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor; it is off until it is switched on, and does nothing without an address."""

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=_TICK_SECONDS,
        target=dg.AssetSelection.assets("campaign_audiences"),
        description="Posts the audiences of each new day to ENGAGEMENT_AUDIENCE_WEBHOOK, each once, with an idempotency key.",
    )
    def audiences_to_webhook(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if settings.audience_webhook is None:
            return dg.SkipReason("no address is set: ENGAGEMENT_AUDIENCE_WEBHOOK")
        told: list[str] = []
        before = Delivered.of(context.cursor)
        now = deliver(settings, LakeResource.of(settings), before, told.append)
        context.update_cursor(now.cursor())
        return dg.SkipReason("; ".join(told) or "every audience of the latest day is delivered")

    return audiences_to_webhook
