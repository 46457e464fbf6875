"""The brief on Mondays: posted to a webhook, sent by mail, each once; what fails is tried again at the next tick.

It is the brief of Sunday, as soon as that snapshot is there: where it comes late in the week, so does the brief.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit

import dagster as dg

from engagement_assets.analysis.brief import Brief, make_brief
from engagement_assets.domain.contracts import EngagementMetrics, EngagementScores
from engagement_assets.exports.brief_files import as_html
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.webhook import ANSWER_SECONDS, WebhookError, post
from engagement_assets.settings import Settings, today

SENSOR = "brief_on_mondays"

_TICK_SECONDS = 60

#: Ports of mail servers where none is named: submission, and submission with TLS from the first byte (RFC 8314).
_PORT, _TLS_PORT = 587, 465

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

Tell = Callable[[str], None]


class MailError(RuntimeError):
    """The mail server did not take a message; the message names neither its address nor the password."""


@dataclass
class Sent:
    """The day whose brief is being sent, and the ways it has gone; a sensor's cursor."""

    day: str = ""
    ways: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: str | None) -> Sent:
        """Read a cursor; anything else than one is as if nothing was sent."""
        try:
            found = json.loads(cursor or "")
            return cls(str(found["day"]), [str(way) for way in found["ways"]])
        except (ValueError, KeyError, TypeError):
            return cls()

    def cursor(self) -> str:
        """As text."""
        return json.dumps({"day": self.day, "ways": self.ways})


def last_sunday(day: date) -> date:
    """The Sunday before a day: on Monday, yesterday."""
    return day - timedelta(days=day.weekday() + 1)


def deliver(settings: Settings, lake: LakeResource, before: Sent, day: date, tell: Tell, **options: Any) -> Sent:
    """Send the brief of the last Sunday before a day by those ways that it has not gone yet; returns what is now."""
    sunday = last_sunday(day).isoformat()
    now = Sent(sunday, list(before.ways) if before.day == sunday else [])
    left = {way: send for way, send in ways(settings).items() if way not in now.ways}
    if not left:
        return now
    if not all(sunday in lake.partitions(table) for table in (EngagementScores, EngagementMetrics)):
        tell(f"there is no snapshot of {sunday} yet")
        return now
    brief = make_brief(settings, sunday)
    for way, send in left.items():
        try:
            remark = send(settings, brief, **options)
        except (WebhookError, MailError) as error:
            tell(f"the brief of {sunday} could not be sent by {way} ({error}); tried again at the next tick")
            continue
        now.ways.append(way)
        tell(f"the brief of {sunday} was sent by {way}{remark}")
    return now


def ways(settings: Settings) -> dict[str, Callable[..., str]]:
    """The ways to send a brief that the settings name."""
    named = {"webhook": settings.brief_webhook, "mail": settings.brief_mail_to}
    return {way: send for way, send in {"webhook": by_webhook, "mail": by_mail}.items() if named[way]}


def by_webhook(settings: Settings, brief: Brief, **options: Any) -> str:
    """Post it as Slack and what is compatible with it take it. Raises WebhookError."""
    assert settings.brief_webhook is not None
    base = settings.dashboard_url.rstrip("/")
    lines = [f"*{brief.title}*: {escape(brief.headline, quote=False)}"]
    lines += [
        f"• {escape(each.text, quote=False)} <{base}{each.link(brief.day)}|{each.opens}>" for each in brief.sentences
    ]
    post(settings.brief_webhook.get_secret_value(), {"text": "\n".join(lines)}, **options)
    return ""


def by_mail(settings: Settings, brief: Brief, **_: Any) -> str:
    """Send it as a mail, as text and as HTML; returns a remark on recipients that the server refused. Raises MailError."""
    assert settings.smtp is not None
    message = EmailMessage()
    message["Subject"] = f"Customer engagement, {brief.title}: {brief.headline}"
    message["From"], message["To"] = settings.brief_mail_from, settings.brief_mail_to
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=settings.brief_mail_from.split("@")[-1])
    message.set_content("\n\n".join([brief.headline, *(f"- {sentence.text}" for sentence in brief.sentences)]))
    message.add_alternative(as_html(brief, settings.dashboard_url), subtype="html")
    place = urlsplit(settings.smtp.get_secret_value())
    host, is_tls = place.hostname or "", place.scheme == "smtps"
    try:
        server = (
            smtplib.SMTP_SSL(
                host, place.port or _TLS_PORT, timeout=ANSWER_SECONDS, context=ssl.create_default_context()
            )
            if is_tls
            else smtplib.SMTP(host, place.port or _PORT, timeout=ANSWER_SECONDS)
        )
        with server:
            server.ehlo()
            if not is_tls and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                is_tls = True
            if place.username and not is_tls and host not in _THIS_MACHINE:
                raise MailError("it offers no encryption, and a password is not sent in the open; use smtps://")
            if place.username:
                server.login(unquote(place.username), unquote(place.password or ""))
            refused = server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise MailError(f"it answers {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(type(error).__name__) from None
    # Not tried again: the others have it.
    return f", but the server refused {len(refused)} of its recipients" if refused else ""


def build_brief_delivery(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor; it does nothing where no way is set."""

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=status,
        target=dg.AssetSelection.assets(settings.asset_key("weekly_brief")),
        description="Sends the brief of Sunday to ENGAGEMENT_BRIEF_WEBHOOK and, by ENGAGEMENT_SMTP, to ENGAGEMENT_BRIEF_MAIL_TO.",
    )
    def brief_on_mondays(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not ways(settings):
            return dg.SkipReason("no way is set: ENGAGEMENT_BRIEF_WEBHOOK, ENGAGEMENT_BRIEF_MAIL_TO")
        told: list[str] = []
        now = deliver(settings, LakeResource.of(settings), Sent.of(context.cursor), today(settings), told.append)
        context.update_cursor(now.cursor())
        return dg.SkipReason("; ".join(told) or f"the brief of {now.day} is sent")

    return brief_on_mondays
