"""The brief on Mondays, to a real webhook and a real mail server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError

from engagement_assets.pipeline.brief_delivery import Sent, deliver, last_sunday
from engagement_assets.settings import Settings
from engagement_assets_tests.servers import free_port
from engagement_assets_tests.webhook import listening
from engagement_assets_tests.worlds import World

SUNDAY, MONDAY = "2026-06-28", date(2026, 6, 29)


@dataclass
class MailServer:
    """What a mail server got; it answers 451 as long as it is busy, and refuses recipients that it does not know."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    is_busy: bool = False
    port: int = 0

    async def handle_RCPT(  # noqa: N802
        self, _: Any, __: Any, envelope: Any, address: str, ___: Any
    ) -> str:
        if address.startswith("unknown"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _: Any, __: Any, envelope: Any
    ) -> str:
        if self.is_busy:
            return "451 try again later"
        self.recipients += envelope.rcpt_tos
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer(port=free_port())

    def sign_in(_: Any, __: Any, ___: Any, mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=given.login == b"shop" and given.password == b"s3cret@", handled=False)

    controller = Controller(
        server, hostname="127.0.0.1", port=server.port, auth_require_tls=False, authenticator=sign_in
    )
    controller.start()
    yield server
    controller.stop()


def settings_with(world: World, server: MailServer, **more: Any) -> Settings:
    return Settings(
        lake=world.lake.root,
        smtp=f"smtp://shop:s3cret%40@127.0.0.1:{server.port}",
        brief_mail_from="brief@shop.example",
        brief_mail_to="anna@shop.example, unknown@shop.example",
        dashboard_url="https://board.example",
        **more,
    )


def test_the_brief_of_sunday_goes_out_once_by_each_way(sample_world: World, mail_server: MailServer) -> None:
    told: list[str] = []
    with listening() as hook:
        settings = settings_with(sample_world, mail_server, brief_webhook=hook.address)
        mail_server.is_busy = True
        sent = deliver(settings, sample_world.lake, Sent.of(None), MONDAY, told.append)
        assert (sent.ways, len(hook.messages)) == (["webhook"], 1)
        assert told[-1] == (
            f"the brief of {SUNDAY} could not be sent by mail (it answers 451); tried again at the next tick"
        )
        mail_server.is_busy = False
        sent = deliver(settings, sample_world.lake, Sent.of(sent.cursor()), MONDAY, told.append)
        assert sent == Sent(SUNDAY, ["webhook", "mail"])
        assert told[-1].endswith("sent by mail, but the server refused 1 of its recipients")
        # Later that week, and the same brief again, nothing goes out.
        for day in (MONDAY, date(2026, 7, 5)):
            assert deliver(settings, sample_world.lake, sent, day, told.append) == sent
        assert (len(hook.messages), len(mail_server.mails)) == (1, 1)
    (posted,) = hook.messages
    assert posted["text"].startswith(f"*2026-06-21 to {SUNDAY}*: ")
    assert f"<https://board.example/customers?slipping=yes&date={SUNDAY}|" in posted["text"]
    (mail,) = mail_server.mails
    assert mail_server.recipients == ["anna@shop.example"]
    assert f"to {SUNDAY}: " in mail["Subject"]
    (text, page) = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    assert "customers are active" in text.get_content()
    assert f"https://board.example/customers?slipping=yes&amp;date={SUNDAY}" in page.get_content()


def test_it_waits_for_the_snapshot_of_sunday(sample_world: World, mail_server: MailServer) -> None:
    told: list[str] = []
    settings = settings_with(sample_world, mail_server)
    sent = deliver(settings, sample_world.lake, Sent(), date(2026, 7, 6), told.append)
    assert (sent, mail_server.mails) == (Sent("2026-07-05", []), [])
    assert told == ["there is no snapshot of 2026-07-05 yet"]


def test_a_password_is_not_told_where_the_server_refuses_it(sample_world: World, mail_server: MailServer) -> None:
    told: list[str] = []
    settings = settings_with(sample_world, mail_server)
    wrong = settings.model_copy(update={"smtp": Settings(smtp=f"smtp://shop:wr0ng@127.0.0.1:{mail_server.port}").smtp})
    assert deliver(wrong, sample_world.lake, Sent(), MONDAY, told.append).ways == []
    assert told == [f"the brief of {SUNDAY} could not be sent by mail (it answers 535); tried again at the next tick"]


@pytest.mark.parametrize(
    ("day", "sunday"), [("2026-06-29", "2026-06-28"), ("2026-07-05", "2026-06-28"), ("2026-07-06", "2026-07-05")]
)
def test_the_sunday_before(day: str, sunday: str) -> None:
    assert last_sunday(date.fromisoformat(day)).isoformat() == sunday


def test_half_a_mail_setting_is_refused_without_its_password() -> None:
    with pytest.raises(ValidationError, match="brief_mail_to needs smtp and brief_mail_from"):
        Settings(brief_mail_to="anna@shop.example")
    for wrong in ("mail.shop.example:587", "http://shop:s3cret@mail.shop.example", "smtp://:70000"):
        with pytest.raises(ValidationError, match="a mail server is smtp://host:587") as refused:
            Settings(smtp=wrong)
        assert "s3cret" not in str(refused.value)
