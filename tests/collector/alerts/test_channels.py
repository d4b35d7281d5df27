"""What each service is really sent: exact payloads, the same key at every try and in the resolve."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP
from apprise.plugins.slack import NotifySlack
from collector.alerts.incidents import NOON, TICKET, after, notice
from collector.alerts.receiver import Receiver
from spanledger_collector.alerts.alertmanager import AlertmanagerChannel
from spanledger_collector.alerts.channels import AppriseChannel
from spanledger_collector.alerts.messages import Writer
from spanledger_collector.alerts.state import Kind
from spanledger_collector.errors import RetryableError, StartError

DASHBOARD = "http://ledger.example"
WRITER = Writer(DASHBOARD)
BEGUN = notice(services="checkout & co", runbook="https://run.example/checkout")
ENDED = notice(Kind.RESOLVED, ended_after=840, services="checkout & co", runbook="https://run.example/checkout")
OTHER = notice(alert=TICKET)
KEY = BEGUN.incident.key
LINK = (
    f"{DASHBOARD}/reliability?range=custom&from=2026-11-24T11%3A00&to=2026-11-24T12%3A01&service=checkout+%26+co"
    "&objective=checkout"
)


@pytest.fixture
def pagerduty(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", f"{server.url}/v2/enqueue")
    return server


@pytest.fixture
def opsgenie(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setitem(OPSGENIE_API_LOOKUP, "us", f"{server.url}/v2/alerts")
    return server


# -- read by people


def test_slack_gets_one_message_with_what_how_bad_since_when_and_where_to_look(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{server.url}/services")
    server.status, server.answer = 200, b"ok"
    slack = AppriseChannel("team", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", WRITER)

    slack.send([BEGUN], after(59))

    [post] = server.posts
    assert post.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    text = str(post.body)
    assert "pprise" not in text
    assert post.body["channel"] == "#ops"
    for said in (
        "FIRING page: checkout burns 20 times as fast as it may",
        "312 of 312 calls failed.",
        "Since 2026-11-24 12:00 UTC",
        "https://run.example/checkout",
        "range=custom",
        KEY,
    ):
        assert said in text


def test_a_webhook_gets_all_of_one_evaluation_in_one_message(server: Receiver) -> None:
    AppriseChannel("hook", f"json://{server.address}/alerts?method=post", WRITER).send([BEGUN, OTHER], NOON)
    [post] = server.posts
    assert (post.path, post.body["title"], post.body["type"]) == ("/alerts", "spanledger: 2 firing", "failure")
    assert post.body["message"].count("FIRING") == 2 and LINK in post.body["message"]
    assert post.body["dedup_key"] == f"{KEY}:firing {OTHER.incident.key}:firing"


def test_a_webhook_gets_what_a_program_needs_to_tell_a_retry_and_a_resolve(server: Receiver) -> None:
    hook = AppriseChannel("hook", f"json://{server.address}", WRITER)
    for told, at in ((BEGUN, NOON), (BEGUN, after(30)), (ENDED, after(840))):
        hook.send([told], at)
    assert [(body["status"], body["severity"], body["dedup_key"], body["type"]) for body in server.bodies] == [
        ("firing", "page", KEY, "failure"),
        ("firing", "page", KEY, "failure"),
        ("resolved", "page", KEY, "success"),
    ]
    assert server.bodies[-1]["title"] == "RESOLVED page: checkout burns 20 times as fast as it may"
    assert "over at 2026-11-24 12:14 UTC after 14 min" in server.bodies[-1]["message"]


@pytest.mark.parametrize(("option", "parts"), [("", 3), ("?overflow=truncate", 1)])
def test_a_message_longer_than_the_service_takes_is_sent_in_parts_unless_the_url_says_otherwise(
    server: Receiver, monkeypatch: pytest.MonkeyPatch, option: str, parts: int
) -> None:
    monkeypatch.setattr(NotifyDiscord, "notify_url", f"{server.url}/webhooks")
    monkeypatch.setattr(NotifyDiscord, "request_rate_per_sec", 0)
    server.status = 200
    discord = AppriseChannel("team", f"discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js{option}", WRITER)
    discord.send([replace(BEGUN, incident=replace(BEGUN.incident, description="x" * 4000))], NOON)
    assert len(server.posts) == parts
    assert all(len(body["content"]) <= 2000 for body in server.bodies)


# -- that keep incidents


def test_pagerduty_gets_an_incident_an_alert_and_its_resolve_under_one_key(pagerduty: Receiver) -> None:
    pager = AppriseChannel("on-call", "pagerduty://integration@key/spanledger/alerts", WRITER)
    pager.send([BEGUN, OTHER], NOON)
    pager.send([ENDED], after(840))

    begun, other, ended = pagerduty.bodies
    assert begun["routing_key"] == "integration" and begun["event_action"] == "trigger" and begun["dedup_key"] == KEY
    assert begun["payload"]["severity"] == "critical" and begun["payload"]["source"] == "spanledger"
    assert begun["payload"]["summary"].startswith("FIRING page: checkout burns 20 times as fast as it may")
    assert begun["payload"]["custom_details"] == {"dashboard": LINK, "runbook": "https://run.example/checkout"}
    assert (other["dedup_key"], other["payload"]["severity"]) == (OTHER.incident.key, "warning")
    assert ended == {"routing_key": "integration", "event_action": "resolve", "dedup_key": KEY}


def test_what_is_too_long_for_pagerduty_is_cut_and_keeps_its_key(pagerduty: Receiver) -> None:
    long = replace(BEGUN, incident=replace(BEGUN.incident, description="x" * 4000))
    AppriseChannel("on-call", "pagerduty://integration@key", WRITER).send([long], NOON)
    [body] = pagerduty.bodies
    assert body["dedup_key"] == KEY and len(body["payload"]["summary"]) <= 1024


def test_opsgenie_gets_an_alert_by_its_alias_and_closes_it_by_that(opsgenie: Receiver) -> None:
    service = AppriseChannel("on-call", "opsgenie://api-key/", WRITER)
    service.send([BEGUN], NOON)
    AppriseChannel("on-call", "opsgenie://api-key/", WRITER).send([ENDED], after(840))  # after a restart, that is

    begun, ended = opsgenie.posts
    assert begun.path == "/v2/alerts" and begun.body["alias"] == KEY
    assert begun.body["message"] == "FIRING page: checkout burns 20 times as fast as it may"
    assert ended.path == f"/v2/alerts/{KEY}/close?identifierType=alias"
    assert ended.headers["authorization"] == begun.headers["authorization"] == "GenieKey api-key"
    assert "over at 2026-11-24 12:14 UTC" in ended.body["note"]


def test_opsgenie_is_content_where_there_is_nothing_to_close_and_not_where_it_fails(opsgenie: Receiver) -> None:
    service = AppriseChannel("on-call", "opsgenie://api-key/", WRITER)
    opsgenie.status = 404
    service.send([ENDED], NOON)
    opsgenie.status = 500
    with pytest.raises(RetryableError, match="500"):
        service.send([ENDED], NOON)


def test_alertmanager_gets_every_alert_in_one_post_and_when_it_ends(server: Receiver) -> None:
    manager = AlertmanagerChannel("am", server.url + "/", WRITER)
    manager.send([BEGUN, OTHER], after(30))
    manager.send([ENDED], after(840))

    begun, ended = server.posts
    assert begun.path == "/api/v2/alerts" and begun.headers["content-type"] == "application/json"
    assert begun.body[0] == {
        "labels": {
            "alertname": "burn-rate", "severity": "page", "objective": "checkout", "services": "checkout & co",
        },
        "annotations": {
            "summary": "checkout burns 20 times as fast as it may",
            "description": "312 of 312 calls failed.",
            "runbook_url": "https://run.example/checkout",
            "dashboard_url": LINK,
            "dedup_key": KEY,
        },
        "startsAt": "2026-11-24T12:00:00.000Z",
        "endsAt": "2026-11-24T12:08:30.000Z",
        "generatorURL": LINK,
    }  # fmt: skip
    assert len(begun.body) == 2
    [resolved] = ended.body
    assert resolved["labels"] == begun.body[0]["labels"]
    assert (resolved["startsAt"], resolved["endsAt"]) == ("2026-11-24T12:00:00.000Z", "2026-11-24T12:14:00.000Z")
    assert manager.resend is not None and manager.resend < timedelta(minutes=3)


# -- trouble


def test_a_service_that_refuses_is_quoted(server: Receiver, pagerduty: Receiver) -> None:
    server.status = 503
    for channel in (
        AppriseChannel("hook", f"json://{server.address}", WRITER),
        AppriseChannel("on-call", "pagerduty://integration@key", WRITER),
        AlertmanagerChannel("am", server.url, WRITER),
    ):
        with pytest.raises(RetryableError, match="503"):
            channel.send([BEGUN], NOON)


def test_a_service_that_is_away_is_named() -> None:
    for channel in (
        AppriseChannel("hook", "json://127.0.0.1:9", WRITER),
        AlertmanagerChannel("am", "http://127.0.0.1:9", WRITER),
    ):
        with pytest.raises(RetryableError, match="onnection"):
            channel.send([BEGUN], NOON)


def test_a_url_that_nothing_understands_is_refused_without_its_secret() -> None:
    with pytest.raises(StartError, match=r"channel team: .*slak://…") as refused:
        AppriseChannel("team", "slak://secret", WRITER)
    assert "secret" not in str(refused.value)
