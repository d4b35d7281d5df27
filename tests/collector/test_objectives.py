"""Objectives: what is promised is counted, of old calls and of new ones, each exactly once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from collector.rig import Rig, Rigged, until
from collector.traffic import CALL_COSTS, call, calls, envelope, request
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector.config import Config
from spanledger_collector.objectives import Objectives
from spanledger_collector.store import Store

NANOSECONDS = 10**9


def config(**objectives: dict[str, Any]) -> Config:
    """A configuration of SLOs and budgets: `checkout={"indicator": …}`, `search={"amount": …}`."""
    named = [{"name": name.replace("_", "-"), **said} for name, said in objectives.items()]
    return Config.model_validate(
        {
            "slos": [{"objective": 99, **said} for said in named if "amount" not in said],
            "budgets": [{"period": "month", "unpriced_call_usd": 0, **said} for said in named if "amount" in said],
        }
    )


AVAILABLE = {"indicator": "availability"}
SPEND = {"amount": 100}


def counted(rig: Rig, objective: str = "", where: str = "true") -> tuple[Any, ...]:
    """Calls, bad ones, USD and unpriced calls of an objective, over all minutes."""
    [row] = rig.rows(
        "SELECT sum(calls), sum(bad), sum(cost_usd), sum(unpriced_calls) FROM spanledger.objective_minutes "
        f"WHERE (empty('{objective}') OR objective = '{objective}') AND {where}"
    )
    return tuple(row)


def failed(error_type: str = "500") -> Span:
    return call(error__type=error_type)


# -- which calls count, and which are bad


def test_each_indicator_counts_its_calls_and_those_that_are_bad(rig: Rigged) -> None:
    slow = call()
    slow.end_time_unix_nano += 4 * NANOSECONDS
    spans = [
        *calls(3),
        slow,
        failed("500"),
        failed("429"),
        call(gen_ai__response__time_to_first_chunk=0.2),
        call(gen_ai__response__time_to_first_chunk=0.9),
        call(gen_ai__usage__output_tokens=50_000),
        call(gen_ai__request__model="house-model"),
    ]
    here = rig(
        config=config(
            answers=AVAILABLE,
            all_errors={**AVAILABLE, "errors": ["provider", "rate_limit"]},
            quick={"indicator": "latency", "threshold": "2.5s"},
            first={"indicator": "time_to_first_token", "threshold": "500ms"},
            cheap={"indicator": "cost", "threshold": "0.05"},
            elsewhere={**AVAILABLE, "scope": {"services": ["batch"]}},
            here={**AVAILABLE, "scope": {"services": ["web", "x"], "models": ["gpt-4o"], "projects": ["default"]}},
            all_spend=SPEND,
            no_spend={**SPEND, "scope": {"teams": ["none"]}},
        )
    ).start()
    here.take(envelope(request(spans)))
    here.drained()

    cost = here.one("SELECT sum(cost_usd) FROM spanledger.ledger")
    assert counted(here, "answers") == (10, 1, 0, 0)
    assert counted(here, "all-errors") == (10, 2, 0, 0)
    assert counted(here, "quick") == (8, 1, 0, 0)
    assert counted(here, "first") == (2, 1, 0, 0)
    assert counted(here, "cheap") == (9, 1, 0, 0)
    assert counted(here, "elsewhere") == (0, 0, 0, 0)
    assert counted(here, "here") == (9, 1, 0, 0)
    assert counted(here, "all-spend") == (10, 0, cost, 1)
    assert counted(here, "no-spend") == (0, 0, 0, 0)
    assert here.one("SELECT DISTINCT project FROM spanledger.objective_minutes WHERE objective = 'here'") == "default"
    assert here.one("SELECT DISTINCT project FROM spanledger.objective_minutes WHERE objective != 'here'") == ""


def test_a_correction_reaches_the_budget_and_not_the_slo(rig: Rigged) -> None:
    here = rig(books=True, config=config(answers=AVAILABLE, spend=SPEND)).start()
    spans = calls(3)
    here.take(envelope(request(spans)))
    here.drained()
    here.take(envelope(request(spans, service="again")))
    until(lambda: here.one("SELECT sum(calls) FROM spanledger.ledger") == 3 and here.count("ledger") == 9)

    assert counted(here, "answers") == (6, 0, 0, 0)
    assert counted(here, "spend") == (3, 0, 3 * CALL_COSTS, 0)
    assert counted(here, "spend", "NOT late") == (6, 0, 6 * CALL_COSTS, 0)


def test_a_call_that_arrives_a_quarter_of_an_hour_after_its_minute_is_late(rig: Rigged) -> None:
    here = rig(config=config(answers=AVAILABLE)).start()
    now = time.time_ns()
    here.take(envelope(request([call(start_ns=now - age * 60 * NANOSECONDS) for age in (0, 14, 16, 60 * 24)])))
    here.drained()

    assert counted(here, where="NOT late")[0] == 2
    assert counted(here, where="late")[0] == 2
    assert here.one("SELECT uniqExact(minute) FROM spanledger.objective_minutes") == 4


def test_whatever_the_values_of_a_scope_look_like_they_are_values(rig: Rigged) -> None:
    teams = [
        "mail@support",
        "a@postings",
        "@counted",
        "@cf/meta/llama",
        "@field(x) AS\nSELECT",
        "FROM spanledger.ledger",
        "{segment:UInt64} %s %(from)s",
        "it's \\ -- /* no comment",
        "SOURCE(CLICKHOUSE(",
    ]
    answers = {f"answers{n}": {**AVAILABLE, "scope": {"teams": [team, "x"]}} for n, team in enumerate(teams)}
    spends = {f"spend{n}": {**SPEND, "scope": {"teams": [team]}} for n, team in enumerate(teams)}
    here = rig(config=config(**answers, **spends)).start()
    failed: dict[str, Any] = {"error__type": "500"}
    of_teams = [call(spanledger__team=team, **more) for team in teams for more in ({}, failed)]
    here.take(envelope(request([*calls(1), *of_teams])))
    here.drained()
    for n in range(len(teams)):
        assert counted(here, f"answers{n}") == (2, 1, 0, 0)
        assert counted(here, f"spend{n}") == (2, 0, 2 * CALL_COSTS, 0)

    anew = {f"answers{n}": {**AVAILABLE, "scope": {"teams": [team]}} for n, team in enumerate(teams)}
    there = rig(config=config(**anew))  # counted from the ledger
    assert [counted(there, name) for name in anew] == [(2, 1, 0, 0)] * len(teams)


# -- what is recorded


def in_force(rig: Rig) -> Sequence[Sequence[Any]]:
    return rig.rows("SELECT objective, kind, objective_ratio FROM spanledger.objectives_now ORDER BY objective")


def test_without_objectives_nothing_runs_behind_the_ledger(rig: Rigged) -> None:
    views = "SELECT count() FROM system.tables WHERE database = 'spanledger' AND name = 'post_objectives'"
    assert rig(config=Config()).one(views) == 0
    assert rig(config=config(answers=AVAILABLE)).one(views) == 1
    assert rig(config=Config()).one(views) == 0


def test_objectives_are_recorded_changed_and_removed(rig: Rigged) -> None:
    assert in_force(rig(config=config(answers=AVAILABLE, spend=SPEND))) == [
        ("answers", "slo", 0.99),
        ("spend", "budget", 1),
    ]
    assert in_force(rig(config=config(answers={**AVAILABLE, "objective": 99.9}))) == [("answers", "slo", 0.999)]
    assert in_force(rig(config=config(answers={**AVAILABLE, "objective": 99.9}))) == [("answers", "slo", 0.999)]
    here = rig(config=Config())
    assert in_force(here) == []
    assert here.count("objectives") == 5  # two, a change and an end, an end


def test_a_schema_that_is_brought_up_to_date_keeps_what_runs_behind_the_ledger(rig: Rigged) -> None:
    here = rig(config=config(answers=AVAILABLE))
    here.store.migrate(datetime.now(UTC))
    here.start().take(envelope(request(calls(2))))
    here.drained()
    assert counted(here)[0] == 2


# -- what the ledger holds already


def test_what_was_posted_before_is_counted_for_a_new_objective_once(rig: Rigged) -> None:
    now = time.time_ns()
    before = rig().start()
    old = [call(start_ns=now - days * 86_400 * NANOSECONDS) for days in (0, 1, 5, 27, 40)]
    before.take(envelope(request([*old, failed()])))
    before.drained()

    for objectives in (config(answers=AVAILABLE), config(answers=AVAILABLE, spend=SPEND)):
        for _ in range(2):
            here = rig(config=objectives)
            assert counted(here, "answers") == (5, 1, 0, 0)
            assert counted(here, where="NOT late")[0] == 0
    assert counted(here, "spend")[2] == 4 * CALL_COSTS + CALL_COSTS
    here.start().take(envelope(request(calls(2))))
    here.drained()
    assert counted(here, "answers") == (7, 1, 0, 0)


def test_a_changed_objective_is_counted_anew_and_an_unchanged_count_is_kept(rig: Rigged) -> None:
    here = rig(config=config(answers=AVAILABLE, other=AVAILABLE)).start()
    here.take(envelope(request([*calls(4), failed("429")])))
    here.drained()
    assert counted(here, "answers", "NOT late") == (5, 0, 0, 0)

    stricter = {**AVAILABLE, "objective": 99.99, "description": "another promise about the same calls"}
    assert counted(rig(config=config(answers=stricter, other=AVAILABLE)), "answers", "NOT late") == (5, 0, 0, 0)

    wider = rig(config=config(answers={**AVAILABLE, "errors": ["rate_limit"]}, other=AVAILABLE))
    assert counted(wider, "answers") == (5, 1, 0, 0)
    assert counted(wider, "answers", "NOT late")[0] == 0
    assert counted(wider, "other", "NOT late") == (5, 0, 0, 0)

    back = rig(config=config(answers=AVAILABLE))
    assert counted(back, "answers") == (5, 0, 0, 0)
    assert counted(back, "other") == (0, 0, 0, 0)


# -- crashes


def test_a_segment_that_failed_half_way_is_counted_once_when_it_is_tried_again(rig: Rigged) -> None:
    here = rig(config=config(answers=AVAILABLE, spend=SPEND))
    here.store.command("RENAME TABLE spanledger.objective_minutes TO spanledger.away")
    here.start().take(envelope(request(calls(3))))
    until(lambda: here.forwarder.failures)
    here.store.command("RENAME TABLE spanledger.away TO spanledger.objective_minutes")
    here.drained()

    assert counted(here, "answers") == (3, 0, 0, 0)
    assert counted(here, "spend") == (3, 0, 3 * CALL_COSTS, 0)
    assert here.count("ledger") == 3


def test_a_segment_that_a_crash_left_half_posted_is_counted_once_whatever_was_counted_since(rig: Rigged) -> None:
    """It lies in the ledger when a new objective is counted, and is settled and posted anew after that."""
    crashed = rig(config=config(answers=AVAILABLE)).start()
    crashed.take(envelope(request(calls(2))))
    crashed.drained()
    crashed.store.command("RENAME TABLE spanledger.spans TO spanledger.away")
    crashed.take(envelope(request(calls(3))))
    until(lambda: crashed.forwarder.failures)
    crashed.close()

    here = rig(config=config(answers=AVAILABLE, other=AVAILABLE))
    here.store.command("RENAME TABLE spanledger.away TO spanledger.spans")
    here.start().drained()
    assert here.count("ledger") == here.count("spans") == 5
    assert counted(here, "answers")[0] == counted(here, "other")[0] == 5


class Killed(BaseException):
    """The end of a process."""


class Mortal(Store):
    """A store whose process is killed after so many statements."""

    def __init__(self, folder: Path, left: int) -> None:
        super().__init__(folder)
        self.left = left

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        if not self.left:
            raise Killed
        self.left -= 1
        super().command(sql, parameters)


@pytest.mark.parametrize("left", [1, 2, 4, 5, 6])
def test_wherever_recording_is_killed_the_next_start_completes_it(rig: Rigged, data: Path, left: int) -> None:
    """Killed after so many of its statements, with the configuration changed again, or not, before the next start."""
    first = rig(config=config(answers=AVAILABLE, gone=SPEND)).start()
    first.take(envelope(request([*calls(3), failed("429")])))
    first.drained()
    changed = config(answers={**AVAILABLE, "errors": ["rate_limit"]}, other=AVAILABLE)

    killed = rig()
    with closing(Mortal(data / "store", left)) as store, suppress(Killed):
        Objectives(store, killed.spool).record(changed, datetime.now(UTC))

    for again, bad in ((changed, 1), (config(answers=AVAILABLE, other=AVAILABLE), 0)):
        here = rig(config=again)
        assert counted(here, "answers")[:2] == (4, bad)
        assert counted(here, "other")[:2] == (4, 0)
        assert counted(here, "gone") == (0, 0, 0, 0)
        assert [name for name, _, _ in in_force(here)] == ["answers", "other"]
    here.start().take(envelope(request(calls(1))))
    here.drained()
    assert counted(here, "answers")[0] == counted(here, "other")[0] == 5
