"""Incidents: when they begin and end, and who has yet to be told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from collector.alerts.incidents import (
    NOON,
    PAGE,
    QUIET,
    TICKET,
    Mailbox,
    after,
    burning,
    fine,
    nobody,
    quiet,
    unknown,
)
from hypothesis import given
from hypothesis import strategies as st
from spanledger_collector.alerts.state import HOLD, Alert, Condition, Event, Incidents, Kind, Notice, Severity

OVER = HOLD.total_seconds()


def kinds(events: list[Event]) -> list[Kind]:
    return [event.kind for event in events]


def tell(incidents: Incidents, mailbox: Mailbox, seconds: float = 0, others: tuple[Mailbox, ...] = ()) -> list[Kind]:
    """Deliver what is owed; returns what that was."""
    notices = incidents.owed(mailbox, [mailbox, *others], after(seconds))
    incidents.trying(mailbox.name, notices)
    incidents.told(mailbox.name, notices, after(seconds))
    return [notice.kind for notice in notices]


# -- beginning and ending


def test_a_condition_that_holds_is_an_incident_from_then_on() -> None:
    incidents = Incidents()
    assert incidents.step([fine()], NOON, nobody) == []
    [event] = incidents.step([burning()], after(10), nobody)
    assert (event.kind, event.incident.started_at) == (Kind.FIRING, after(10))
    assert incidents.step([burning()], after(20), nobody) == []
    assert [incident.key for incident in incidents.open] == [event.incident.key]


def test_it_is_over_once_it_was_false_for_the_hold_and_not_before() -> None:
    incidents = Incidents()
    incidents.step([burning()], NOON, nobody)
    for seconds in (10, 60, 10 + OVER - 1):
        assert incidents.step([fine()], after(seconds), nobody) == []
    [event] = incidents.step([fine()], after(10 + OVER), nobody)
    assert (event.kind, event.incident.resolved_at) == (Kind.RESOLVED, after(10 + OVER))
    assert incidents.open == []


def test_what_comes_and_goes_within_the_hold_is_one_incident() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    for seconds in range(0, 600, 60):
        incidents.step([burning() if seconds % 120 == 0 else fine()], after(seconds), nobody)
        tell(incidents, mailbox, seconds)
    assert len(incidents.open) == 1
    assert incidents.open[0].told == {"mailbox": {Kind.FIRING}}


def test_the_highest_value_is_kept_for_the_end() -> None:
    incidents = Incidents()
    for seconds, value in enumerate((20.0, 900.0, 30.0)):
        incidents.step([burning(value=value)], after(seconds), nobody)
    incidents.step([], after(10), nobody)
    [event] = incidents.step([], after(10 + OVER), nobody)
    assert event.incident.value == 900.0


def test_what_cannot_be_known_leaves_everything_as_it_is() -> None:
    incidents = Incidents()
    incidents.step([burning()], NOON, nobody)
    for seconds in (10, 1000, 100_000):
        assert incidents.step([unknown(), unknown(QUIET)], after(seconds), nobody) == []
        assert incidents.step([], after(seconds + 1), nobody, objectives_known=False) == []
    assert len(incidents.open) == 1


def test_an_objective_that_is_defined_no_more_is_over() -> None:
    incidents = Incidents()
    incidents.step([burning()], NOON, nobody)
    incidents.step([], after(10), nobody)
    assert kinds(incidents.step([], after(10 + OVER), nobody)) == [Kind.RESOLVED]


def test_the_next_incident_of_the_same_alert_has_another_key_and_the_same_fingerprint() -> None:
    incidents = Incidents(hold=timedelta(0))
    [first] = incidents.step([burning()], NOON, nobody)
    incidents.step([fine()], after(10), nobody)
    [second] = incidents.step([burning()], after(20), nobody)
    assert first.incident.alert.fingerprint == second.incident.alert.fingerprint
    assert first.incident.key != second.incident.key


# -- who is told


def test_a_channel_is_told_of_the_begin_once_and_of_the_end_once() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    incidents.step([burning()], NOON, nobody)
    assert [tell(incidents, mailbox), tell(incidents, mailbox, 10)] == [[Kind.FIRING], []]
    incidents.step([fine()], after(20), nobody)
    incidents.step([fine()], after(20 + OVER), nobody)
    assert [tell(incidents, mailbox, 200), tell(incidents, mailbox, 210)] == [[Kind.RESOLVED], []]


def test_a_channel_hears_only_of_its_severities() -> None:
    incidents = Incidents()
    incidents.step([burning(PAGE), burning(Alert("posting-lag", Severity.TICKET))], NOON, nobody)
    pager = Mailbox("pager", frozenset({Severity.PAGE}))
    assert [notice.incident.alert for notice in incidents.owed(pager, [pager], NOON)] == [PAGE]


def test_a_page_stands_for_the_ticket_of_its_objective_until_it_is_over() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    other = Alert("burn-rate", Severity.TICKET, "search")
    incidents.step([burning(PAGE), burning(TICKET), burning(other)], NOON, nobody)
    owed = incidents.owed(mailbox, [mailbox], NOON)
    assert {notice.incident.alert for notice in owed} == {PAGE, other}
    tell(incidents, mailbox)

    still = [burning(TICKET), burning(other)]
    incidents.step(still, after(10), nobody)
    incidents.step(still, after(10 + OVER), nobody)
    owed = incidents.owed(mailbox, [mailbox], after(10 + OVER))
    assert [(notice.kind, notice.incident.alert) for notice in owed] == [(Kind.FIRING, TICKET), (Kind.RESOLVED, PAGE)]


def test_a_page_that_nobody_gets_stands_for_nothing() -> None:
    incidents = Incidents()
    incidents.step([burning(PAGE), burning(TICKET)], NOON, nobody)
    team = Mailbox("team", frozenset({Severity.TICKET}))
    pager = Mailbox("pager", frozenset({Severity.PAGE}))
    assert [notice.incident.alert for notice in incidents.owed(team, [team], NOON)] == [TICKET]
    assert incidents.owed(team, [team, pager], NOON) == []


def test_a_page_that_its_channel_does_not_take_stands_for_nothing_until_it_does() -> None:
    incidents = Incidents()
    team = Mailbox("team", frozenset({Severity.TICKET}))
    pager = Mailbox("pager", frozenset({Severity.PAGE}))
    incidents.step([burning(PAGE), burning(TICKET)], NOON, nobody)
    notices = incidents.owed(pager, [pager, team], NOON)
    incidents.trying("pager", notices)
    assert incidents.owed(team, [pager, team], NOON) == []  # it is on its way
    incidents.failed("pager", notices, NOON, "away")
    assert [notice.incident.alert for notice in incidents.owed(team, [pager, team], NOON)] == [TICKET]
    tell(incidents, pager, 10, (team,))
    assert incidents.owed(team, [pager, team], after(10)) == []


def test_that_the_pager_is_down_is_told_to_those_who_get_no_pages() -> None:
    incidents = Incidents()
    incidents.step([burning(Alert("channel-down", Severity.PAGE, subject="pager"))], NOON, nobody)
    team = Mailbox("team", frozenset({Severity.TICKET}))
    pager = Mailbox("pager", frozenset({Severity.PAGE}))
    assert incidents.owed(pager, [pager, team], NOON) == []
    assert len(incidents.owed(team, [pager, team], NOON)) == 1


def test_a_channel_is_not_told_that_it_is_down_itself() -> None:
    incidents = Incidents()
    incidents.step([burning(Alert("channel-down", Severity.PAGE, subject="pager"))], NOON, nobody)
    pager, team = Mailbox("pager"), Mailbox("team")
    assert incidents.owed(pager, [pager, team], NOON) == []
    assert len(incidents.owed(team, [pager, team], NOON)) == 1


def test_what_a_channel_did_not_take_is_owed_until_it_does() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    incidents.step([burning()], NOON, nobody)
    for _ in range(3):
        notices = incidents.owed(mailbox, [mailbox], NOON)
        incidents.trying("mailbox", notices)
        [event] = incidents.failed("mailbox", notices, NOON, "away")
        assert (event.kind, event.detail) == (Kind.FAILED, "away")
    assert tell(incidents, mailbox) == [Kind.FIRING]


def test_what_may_have_arrived_is_ended_and_what_never_left_is_not() -> None:
    incidents, tried, never = Incidents(), Mailbox("tried"), Mailbox("never")
    incidents.step([burning()], NOON, nobody)
    notices = incidents.owed(tried, [tried, never], NOON)
    incidents.trying("tried", notices)
    incidents.failed("tried", notices, NOON, "no answer: it may have arrived all the same")
    incidents.step([fine()], after(10), nobody)
    incidents.step([fine()], after(10 + OVER), nobody)
    assert [n.kind for n in incidents.owed(tried, [tried, never], after(200))] == [Kind.RESOLVED]
    assert incidents.owed(never, [tried, never], after(200)) == []


def test_a_channel_that_wants_to_hears_again_while_it_fires() -> None:
    incidents, manager = Incidents(), Mailbox(resend=timedelta(minutes=2))
    incidents.step([burning()], NOON, nobody)
    assert [tell(incidents, manager, seconds) for seconds in (0, 60, 119, 120, 180, 240)] == [
        [Kind.FIRING], [], [], [Kind.FIRING], [], [Kind.FIRING]
    ]  # fmt: skip


def test_a_clock_that_is_set_back_ends_nothing_early_and_makes_nobody_wait_to_hear_again() -> None:
    incidents, manager = Incidents(), Mailbox(resend=timedelta(minutes=2))
    incidents.step([burning()], NOON, nobody)
    tell(incidents, manager)
    incidents.step([fine()], after(10), nobody)
    assert incidents.step([fine()], after(-3600), nobody) == []
    assert tell(incidents, manager, -3600) == [Kind.FIRING]
    assert incidents.step([fine()], after(-3600 + OVER - 1), nobody) == []
    assert kinds(incidents.step([fine()], after(-3600 + OVER), nobody)) == [Kind.RESOLVED]


def test_what_it_hears_again_is_no_event_unless_it_was_down() -> None:
    incidents = Incidents()
    [began] = incidents.step([burning()], NOON, nobody)
    notices = [Notice(Kind.FIRING, began.incident)]
    assert kinds(incidents.told("am", notices, NOON)) == [Kind.NOTIFIED]
    assert incidents.told("am", notices, after(120)) == []
    assert kinds(incidents.told("am", notices, after(240), recovered=True)) == [Kind.NOTIFIED]


def test_what_everybody_has_heard_the_end_of_is_forgotten() -> None:
    incidents, mailbox = Incidents(hold=timedelta(0)), Mailbox()
    incidents.step([burning()], NOON, nobody)
    tell(incidents, mailbox)
    incidents.step([fine()], after(10), nobody)
    incidents.forget(["mailbox"])
    assert tell(incidents, mailbox, 20) == [Kind.RESOLVED]
    incidents.forget(["mailbox"])
    assert incidents.owed(Mailbox("mailbox"), [mailbox], after(30)) == []


# -- no data


def test_no_data_is_a_note_that_is_given_once_and_never_pages() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    pager = Mailbox("pager", frozenset({Severity.PAGE}))
    [event] = incidents.step([quiet()], NOON, nobody)
    assert (event.kind, event.incident.alert.severity) == (Kind.NO_DATA, Severity.TICKET)
    assert [tell(incidents, mailbox, seconds, (pager,)) for seconds in (0, 10, 86_400)] == [[Kind.NO_DATA], [], []]
    assert incidents.owed(pager, [mailbox, pager], NOON) == []


# -- silences


def test_a_silenced_incident_has_a_history_and_no_message_until_the_silence_ends() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    assert kinds(incidents.step([burning()], NOON, lambda _: "s1")) == [Kind.FIRING, Kind.SILENCED]
    assert tell(incidents, mailbox) == []
    assert kinds(incidents.step([burning()], after(60), nobody)) == [Kind.UNSILENCED]
    assert tell(incidents, mailbox, 60) == [Kind.FIRING]


def test_what_ends_while_it_is_silenced_was_never_told_and_is_not_ended() -> None:
    incidents, mailbox = Incidents(hold=timedelta(0)), Mailbox()
    incidents.step([burning()], NOON, lambda _: "s1")
    assert kinds(incidents.step([fine()], after(10), lambda _: "s1")) == [Kind.RESOLVED]
    incidents.step([], after(20), nobody)
    assert tell(incidents, mailbox, 20) == []


def test_the_end_of_what_was_told_before_the_silence_is_told_in_spite_of_it() -> None:
    incidents, mailbox = Incidents(hold=timedelta(0)), Mailbox()
    incidents.step([burning()], NOON, nobody)
    tell(incidents, mailbox)
    incidents.step([fine()], after(10), lambda _: "s1")
    incidents.forget(["mailbox"])
    assert tell(incidents, mailbox, 10) == [Kind.RESOLVED]


def test_a_silenced_page_does_not_stand_for_its_ticket() -> None:
    incidents, mailbox = Incidents(), Mailbox()
    pages = lambda incident: "s1" if incident.alert.severity is Severity.PAGE else ""  # noqa: E731
    incidents.step([burning(PAGE), burning(TICKET)], NOON, pages)
    assert [notice.incident.alert for notice in incidents.owed(mailbox, [mailbox], NOON)] == [TICKET]


# -- whatever happens

ALERTS = (PAGE, TICKET, QUIET, Alert("channel-down", Severity.PAGE, subject="a"))
MOMENTS = st.lists(
    st.tuples(
        st.integers(1, 200),  # seconds since the one before
        st.lists(st.sampled_from([True, False, None]), min_size=len(ALERTS), max_size=len(ALERTS)),
        st.sets(st.sampled_from(ALERTS)),  # silenced
        st.lists(st.sampled_from(["takes", "fails", "busy"]), min_size=2, max_size=2),
    ),
    max_size=25,
)


@given(MOMENTS, st.sampled_from([0, 60, 120]))
def test_one_open_incident_an_alert_each_ended_once_and_no_begin_said_while_silenced(
    moments: list[tuple[int, list[bool | None], set[Alert], list[str]]], hold: int
) -> None:
    incidents, at = Incidents(hold=timedelta(seconds=hold)), NOON
    channels = [Mailbox("a"), Mailbox("b", frozenset({Severity.PAGE}))]
    begun: list[str] = []
    over: list[str] = []
    for seconds, holding, silenced, answers in moments:
        at += timedelta(seconds=seconds)
        conditions = [
            Condition(alert, holds, opens=Kind.NO_DATA if alert == QUIET else Kind.FIRING)
            for alert, holds in zip(ALERTS, holding, strict=True)
        ]
        covered = lambda incident: "s" if incident.alert in silenced else ""  # noqa: B023, E731
        for event in incidents.step(conditions, at, covered):
            if event.kind in (Kind.FIRING, Kind.NO_DATA):
                begun.append(event.incident.key)
            if event.kind is Kind.RESOLVED:
                over.append(event.incident.key)
        fingerprints = [incident.alert.fingerprint for incident in incidents.open]
        assert len(set(fingerprints)) == len(fingerprints)
        for channel, answer in zip(channels, answers, strict=True):
            notices = [] if answer == "busy" else incidents.owed(channel, channels, at)
            begins = {notice.incident.alert for notice in notices if notice.kind is not Kind.RESOLVED}
            assert not begins & silenced
            for notice in notices:  # who is told of an end may have heard of the begin
                assert notice.kind is not Kind.RESOLVED or channel.name in notice.incident.tried
            for alert in (notice.incident.alert for notice in notices):
                assert alert.severity in channel.severities or alert.subject not in ("", channel.name)
            incidents.trying(channel.name, notices)
            if answer == "takes" and notices:
                channel.send(notices, at)
                incidents.told(channel.name, notices, at)
            elif answer == "fails":
                incidents.failed(channel.name, notices, at, "away")
        incidents.forget(channel.name for channel in channels)

    assert len(set(begun)) == len(begun) and len(set(over)) == len(over)
    assert sorted(begun) == sorted([*over, *(incident.key for incident in incidents.open)])
    for channel in channels:
        assert len(set(channel.heard)) == len(channel.heard)  # nothing is told twice
        for kind, key in channel.heard:
            assert kind is not Kind.RESOLVED or key in over


@pytest.mark.parametrize(
    "other", [TICKET, QUIET, Alert("burn-rate", Severity.PAGE, "search"), Alert("burn-rate", Severity.PAGE)]
)
def test_alerts_that_differ_have_fingerprints_that_do(other: Alert) -> None:
    assert other.fingerprint != PAGE.fingerprint
    assert Alert("burn-rate", Severity.PAGE, "checkout").fingerprint == PAGE.fingerprint
