"""`spanledger alerts …`: what it shows, what it says where there is nothing, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from collector.alerts.receiver import Receiver
from spanledger_collector.alerts.silences import Silences
from spanledger_collector.cli import app
from spanledger_collector.errors import CollectorError
from typer.testing import CliRunner, Result

Alerts = Callable[..., Result]


@pytest.fixture
def alerts(tmp_path: Path) -> Alerts:
    """Runs a command on a data folder of the test's own."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["alerts", *arguments], env={"SPANLEDGER_DATA": str(tmp_path), "COLUMNS": "120"})

    return run


def refusal(result: Result) -> str:
    """What a command that cannot be done says: `run` prints it as one line."""
    assert isinstance(result.exception, CollectorError) and result.output == ""
    return str(result.exception)


@pytest.mark.parametrize(
    ("command", "mentions"),
    [
        ((), ["list", "history", "silence", "unsilence", "silences", "test"]),
        (("list",), ["--url", "--key", "--json"]),
        (("history",), ["--since", "7d", "--json"]),
        (("silence",), ["NAME=VALUE", "--for", "--until", "--from", "--by", "--comment", "objective=checkout"]),
        (("unsilence",), ["silence_id", "--data"]),
        (("silences",), ["--all", "--json"]),
        (("test",), ["--channel", "--config", "exit code 1"]),
    ],
)
def test_every_command_explains_itself(alerts: Alerts, command: tuple[str, ...], mentions: list[str]) -> None:
    shown = alerts(*command, "--help")
    text = " ".join(shown.output.replace("│", " ").split())
    assert shown.exit_code == 0 and [word for word in mentions if word not in text] == []


# -- silences


def test_a_silence_is_made_shown_and_ended(alerts: Alerts, tmp_path: Path) -> None:
    assert alerts("silences").output == "No silences: everybody is told everything.\n"
    made = alerts(
        "silence", "objective=checkout", "severity=page", "--for", "2h", "--comment", "planned", "--by", "ada"
    )
    assert made.exit_code == 0 and "objective=checkout severity=page" in made.output
    [silence] = Silences(tmp_path / "silences.json").all()
    assert silence.matchers == {"objective": "checkout", "severity": "page"}
    assert silence.ends_at - silence.starts_at == timedelta(hours=2)

    listed = alerts("silences").output
    assert all(word in listed for word in (silence.id, "holds", "ada", "planned", "objective=checkout"))
    [row] = json.loads(alerts("silences", "--json").output)
    assert (row["id"], row["created_by"]) == (silence.id, "ada")

    assert "is over" in alerts("unsilence", silence.id).output
    assert "No silences" in alerts("silences").output
    assert "over" in alerts("silences", "--all").output


def test_a_silence_of_what_nobody_knows_is_made_with_a_warning(alerts: Alerts, tmp_path: Path) -> None:
    (tmp_path / "spanledger.yaml").write_text(
        "slos: [{name: checkout, indicator: availability, objective: 99.9}]\n"
        "budgets: [{name: search-team, amount: 1, period: day, unpriced_call_usd: 0}]\n"
        "alerting: {channels: [{name: hook, url: '${SECRET}'}]}\n"
    )
    for known in ("objective=checkout", "objective=search-*", "objective=*", "alert=burn-*", "services=anything"):
        assert alerts("silence", known, "--for", "2h").stderr == ""
    objective = alerts("silence", "objective=chekout", "--for", "2h")
    assert objective.exit_code == 0 and "objective=chekout from" in objective.stdout
    assert "is named chekout: there are checkout, search-team" in objective.stderr
    assert (
        "no alert is named burnrate: there are burn-rate" in alerts("silence", "alert=burnrate", "--for", "2h").stderr
    )
    assert len(Silences(tmp_path / "silences.json").all()) == 7
    other = tmp_path / "other.yaml"
    other.write_text("slos: [{name: chekout, indicator: availability, objective: 99.9}]")
    assert alerts("silence", "objective=chekout", "--for", "2h", "--config", str(other)).stderr == ""


def test_a_silence_is_made_although_the_configuration_cannot_be_read(alerts: Alerts, tmp_path: Path) -> None:
    (tmp_path / "spanledger.yaml").write_text("slos: 7")
    made = alerts("silence", "objective=checkout", "--for", "2h")
    assert made.exit_code == 0 and "not known whether there is an objective checkout" in made.stderr
    assert len(Silences(tmp_path / "silences.json").all()) == 1


def test_a_silence_may_begin_later(alerts: Alerts, tmp_path: Path) -> None:
    done = alerts("silence", "alert=*", "--from", "2126-01-01T08:00", "--until", "2126-01-01T09:30")
    assert "from 2126-01-01 08:00 to 2126-01-01 09:30 UTC" in done.output
    [silence] = Silences(tmp_path / "silences.json").all()
    assert silence.starts_at == datetime(2126, 1, 1, 8, tzinfo=UTC)
    assert "to come" in alerts("silences").output


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("2126-01-02", "2126-01-02T00:00:00"),
        ("2126-01-02T10:30", "2126-01-02T10:30:00"),
        ("2126-01-02T10:30:15", "2126-01-02T10:30:15"),
        ("2126-01-02T10:30:15Z", "2126-01-02T10:30:15"),
        ("2126-01-02T10:30+02:00", "2126-01-02T08:30:00"),
    ],
)
def test_a_time_is_a_date_or_goes_to_the_minute_or_the_second_in_utc(
    alerts: Alerts, tmp_path: Path, said: str, end: str
) -> None:
    assert alerts("silence", "alert=*", "--until", said).exit_code == 0
    [silence] = Silences(tmp_path / "silences.json").all()
    assert silence.ends_at == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("objective=a", "--until", "yesterday"), "'yesterday' is no time: say 2026-11-24, 2026-11-24T10:00 or"),
        (("objective", "--for", "2h"), "NAME=VALUE"),
        (("objective=a",), "--for or --until"),
        (("objective=a", "--for", "2h", "--until", "2026-01-01T00:00"), "--for or --until"),
        (("objective=a", "--for", "long"), "no duration"),
        (("objective=a", "--for", "9999999d"), "at most 3650d"),
        (("objective=a", "--for", "2d", "--from", "9999-12-31T00:00"), "no calendar"),
        (("objective=a", "--until", "tomorrow"), "--until"),
        ((), "Missing argument"),
    ],
)
def test_a_silence_that_cannot_be_is_a_usage_error(alerts: Alerts, arguments: tuple[str, ...], said: str) -> None:
    done = alerts("silence", *arguments)
    assert done.exit_code == 2 and said in " ".join(done.output.split())


def test_a_silence_that_is_over_before_it_begins_is_refused(alerts: Alerts) -> None:
    assert "ends after it starts" in refusal(alerts("silence", "objective=a", "--until", "2020-01-01T00:00"))


def test_a_silence_that_does_not_exist_is_refused(alerts: Alerts) -> None:
    assert "no silence 0123" in refusal(alerts("unsilence", "0123"))


def test_a_silence_file_that_is_none_is_refused(alerts: Alerts, tmp_path: Path) -> None:
    (tmp_path / "silences.json").write_text("[{]")
    assert "no silence file" in refusal(alerts("silences"))


def test_list_and_history_without_a_spanledger_to_ask_are_refused(alerts: Alerts) -> None:
    for command in ("list", "history"):
        assert "does not answer" in refusal(alerts(command, "--url", "http://127.0.0.1:9"))


# -- test


def configure(folder: Path, *channels: str) -> None:
    lines = "".join(f"    - {channel}\n" for channel in channels)
    (folder / "spanledger.yaml").write_text(f"alerting:\n  channels:\n{lines}")


def test_test_really_sends_a_message_and_its_resolve_through_each_channel(
    alerts: Alerts, tmp_path: Path, server: Receiver
) -> None:
    configure(
        tmp_path,
        f'{{name: hook, url: "json://{server.address}/hook"}}',
        f'{{name: am, alertmanager: "{server.url}"}}',
    )
    done = alerts("test")
    assert done.exit_code == 0
    assert done.output == "hook: took a test message and its resolve\nam: took a test message and its resolve\n"
    assert [post.path for post in server.posts] == ["/hook", "/hook", "/api/v2/alerts", "/api/v2/alerts"]
    begun, ended = (post.body for post in server.posts[:2])
    assert (begun["status"], ended["status"]) == ("firing", "resolved") and begun["dedup_key"] == ended["dedup_key"]
    assert "nothing is wrong" in begun["message"]


def test_test_says_of_each_channel_what_happened_and_fails_where_one_did(
    alerts: Alerts, tmp_path: Path, server: Receiver
) -> None:
    configure(
        tmp_path, '{name: gone, alertmanager: "http://127.0.0.1:9"}', f'{{name: hook, url: "json://{server.address}"}}'
    )
    done = alerts("test")
    assert done.exit_code == 1
    gone, hook = done.output.splitlines()
    assert gone.startswith("gone: FAILED: Alertmanager does not answer") and hook.startswith("hook: took")
    assert alerts("test", "--channel", "hook").exit_code == 0
    assert "there are gone, hook" in refusal(alerts("test", "--channel", "other"))


def test_test_without_channels_is_refused(alerts: Alerts) -> None:
    assert "alerting.channels" in refusal(alerts("test"))
