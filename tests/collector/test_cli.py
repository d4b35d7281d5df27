"""The command line: help that helps, and errors of one line."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.command_line import one_line, spanledger
from collector.rig import Running, Start
from collector.traffic import calls, request
from spanledger_collector import price_rules
from spanledger_collector.errors import StartError
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.platform import lock_folder
from spanledger_collector.store import Store

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("command", "mentions"),
    [
        ((), ["up", "migrate", "keys", "slo", "alerts", "prices", "sql"]),
        (
            ("up",),
            [
                "--data",
                "--no-dashboard",
                "--host",
                "--otlp-port",
                "4318",
                "--grpc-port",
                "4317",
                "8123",
                "8501",
                "--keep",
                "--log-format",
                "API keys",
            ],
        ),
        (("migrate",), ["--data", "--config", "schema"]),
        (("sql",), ["--url", "--key", "--format", "SELECT"]),
        (("doctor",), ["--app", "--data", "--otlp-url", "--url", "exit code"]),
        (("send-test-span",), ["--otlp-url", "--api-key", "--timeout", "visible"]),
        (("replay",), ["file", "--speed", "--model", "--service", "timestamp"]),
        (("slo",), ["check", "list", "status", "generate"]),
        (("slo", "check"), ["file", "secrets"]),
        (("slo", "list"), ["--url", "--key", "--format"]),
        (("slo", "status"), ["--at", "--url", "UTC"]),
        (("slo", "generate"), ["prometheus", "grafana", "--config", "--out"]),
        (("prices",), ["check", "list", "find"]),
        (("prices", "find"), ["--provider", "--at", "--prices", "rule"]),
        (("keys",), ["create", "list", "revoke"]),
        (("keys", "create"), ["--project", "--scope", "shown once"]),
        (("keys", "list"), ["--json"]),
        (("keys", "revoke"), ["key_id"]),
    ],
)
def test_every_command_explains_itself(command: tuple[str, ...], mentions: list[str]) -> None:
    done = spanledger(*command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    text = " ".join(done.stdout.replace("│", " ").split())
    assert [word for word in mentions if word not in text] == []


def test_without_a_command_it_shows_what_there_is() -> None:
    done = spanledger()
    assert "migrate" in done.stdout + done.stderr


def test_a_key_is_shown_once_listed_by_name_and_revoked(tmp_path: Path) -> None:
    made = spanledger("keys", "create", "--data", str(tmp_path), "--project", "web", "--scope", "ingest")
    assert made.returncode == 0
    key = made.stdout.strip()
    assert Keys(tmp_path / "keys.json").key_of(key, Scope.INGEST).project == "web"

    listed = spanledger("keys", "list", "--data", str(tmp_path))
    identity = key.split("_")[1]
    assert identity in listed.stdout and "active" in listed.stdout and key not in listed.stdout

    revoked = spanledger("keys", "revoke", identity, "--data", str(tmp_path))
    assert revoked.returncode == 0 and "web" in revoked.stdout
    [row] = json.loads(spanledger("keys", "list", "--json", "--data", str(tmp_path)).stdout)
    assert (row["id"], row["project"], row["scopes"]) == (identity, "web", ["ingest"]) and row["revoked_at"]


def test_each_command_of_keys_names_the_folder_that_it_is_about(tmp_path: Path) -> None:
    here = ("--data", str(tmp_path))
    assert str(tmp_path) in spanledger("keys", "list", *here).stdout
    made = spanledger("keys", "create", *here)
    assert str(tmp_path) in made.stderr and str(tmp_path) not in made.stdout  # which is the key alone
    assert str(tmp_path) in spanledger("keys", "list", *here).stderr
    assert str(tmp_path) in one_line(spanledger("keys", "revoke", "0123", *here))
    assert str(tmp_path) in spanledger("keys", "revoke", made.stdout.split("_")[1], *here).stdout


def test_the_data_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    assert spanledger("keys", "create", SPANLEDGER_DATA=str(tmp_path)).returncode == 0
    assert (tmp_path / "keys.json").exists()


def test_migrate_says_what_it_applies_and_then_that_there_is_nothing_to(tmp_path: Path, data: Path) -> None:
    first = spanledger("migrate", "--data", str(tmp_path / "fresh"))
    assert first.returncode == 0 and "applied schemas/tables/020_ledger.sql" in first.stdout
    again = spanledger("migrate", "--data", str(data))
    assert (again.returncode, again.stdout) == (0, "Nothing to apply; the schema is up to date.\n")


def test_the_retention_that_help_and_readme_name_is_that_of_a_new_store(store: Store) -> None:
    help_ = " ".join(spanledger("up", "--help").stdout.replace("│", " ").split())
    [said] = re.findall(r"Default: (spans=30, .*?)\.", help_)
    [row] = re.findall(r"^\| `--keep TABLE=DAYS` \| \| ([^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    defaults = dict(re.findall(r"(\w+)=(\d+)", said))
    assert dict(re.findall(r"(\w+)=(\d+)", row)) == defaults
    assert {table: str(store.days_kept(table)) for table in defaults} == defaults
    with pytest.raises(StartError) as refused:
        store.keep("nothing", 1)
    assert set(str(refused.value).partition("set for ")[2].split(", ")) == set(defaults)


# -- errors


def test_a_folder_in_use_is_one_line(data: Path) -> None:
    with lock_folder(data):
        assert "in use by process" in one_line(spanledger("migrate", "--data", str(data)))
        assert "in use by process" in one_line(spanledger("up", "--no-dashboard", "--data", str(data)))


def test_a_taken_port_is_one_line(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = one_line(
            spanledger("up", "--no-dashboard", "--data", str(data), "--otlp-port", port, "--grpc-port", "0")
        )
    assert "--otlp-port" in line and port in line


def test_an_address_for_others_without_keys_is_one_line(data: Path) -> None:
    line = one_line(spanledger("up", "--no-dashboard", "--data", str(data), "--host", "0.0.0.0"))
    assert "spanledger keys create" in line


def test_a_retention_that_cannot_be_is_one_line(data: Path) -> None:
    ports = ("--otlp-port", "0", "--no-grpc", "--clickhouse-port", "0")
    line = one_line(spanledger("up", "--no-dashboard", "--data", str(data), *ports, "--keep", "prices=3"))
    assert "no table prices" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--keep", "spans"),
        ("--keep", "spans=soon"),
        ("--otlp-port", "65536"),
        ("--otlp-port", "-5"),
        ("--grpc-port", "-1"),
        ("--clickhouse-port", "-1"),
        ("--dashboard-port", "-1"),
        ("--no-such",),
        ("--api-origin", "*"),
        ("--api-origin", "https://a.b/page"),
        ("--api-origin", "a.b"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(data: Path, arguments: tuple[str, ...]) -> None:
    done = spanledger("up", "--no-dashboard", "--data", str(data), *arguments)
    assert done.returncode == 2 and "Usage" in done.stderr and "Traceback" not in done.stderr


def test_a_log_level_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    line = one_line(spanledger("keys", "list", "--data", str(tmp_path), SPANLEDGER_LOG_LEVEL="loud"))
    assert "SPANLEDGER_LOG_LEVEL=LOUD" in line


def test_a_key_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    assert "no key file" in one_line(spanledger("keys", "list", "--data", str(tmp_path)))


def test_a_file_system_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "keys.json").mkdir()
    assert "keys.json" in one_line(spanledger("keys", "create", "--data", str(tmp_path)))


def test_a_key_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    assert "no key 0123" in one_line(spanledger("keys", "revoke", "0123", "--data", str(tmp_path)))


# -- sql


@pytest.fixture
def running(platform: Start) -> Iterator[Running]:
    here = platform()
    here.send(request(calls(3)))
    yield here.drained()


def test_sql_answers_from_a_running_spanledger(running: Running) -> None:
    url = running.platform.addresses.clickhouse
    query = "SELECT model, sum(calls) AS calls FROM ledger GROUP BY model"
    assert spanledger("sql", query, "--url", url, "--format", "CSVWithNames").stdout == '"model","calls"\n"gpt-4o",3\n'
    assert spanledger("sql", "--format", "TSV", stdin=query, SPANLEDGER_CLICKHOUSE_DSN=url).stdout == "gpt-4o\t3\n"
    table = spanledger("sql", query, "--url", url)
    assert table.returncode == 0 and "gpt-4o" in table.stdout and "calls" in table.stdout


def test_sql_may_name_its_own_format(running: Running) -> None:
    url = running.platform.addresses.clickhouse
    for query in ("SELECT 1 AS one FORMAT JSONEachRow", "SELECT 1 AS one FORMAT JSONEachRow;\n"):
        assert spanledger("sql", query, "--url", url).stdout == '{"one":1}\n'
    assert spanledger("sql", "SELECT 1 -- one", "--url", url, "--format", "TSV").stdout == "1\n"
    assert "Format Nonsense" in one_line(spanledger("sql", "SELECT 1", "--url", url, "--format", "Nonsense"))


def test_sql_that_cannot_be_answered_is_one_line(running: Running) -> None:
    url = running.platform.addresses.clickhouse
    for query in ("SELECT nothing FROM ledger", "SELEC", "DROP TABLE ledger", "SELECT file('/etc/passwd')"):
        assert url in one_line(spanledger("sql", query, "--url", url))
    assert "Authentication failed" in one_line(spanledger("sql", "SELECT 1", "--url", url, "--key", "sl_no_key"))
    assert spanledger("sql", "--url", url).returncode == 2  # nothing was asked


def test_sql_without_a_spanledger_to_ask_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert f"{url} does not answer" in one_line(spanledger("sql", "SELECT 1", "--url", url))


def test_the_price_of_a_model_is_found_with_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(
        "per_token: [{name: deal, provider: openai, model: gpt-4o, discount: 12%, valid_from: 2026-11-01}]\n"
        "per_gpu_hour: [{name: h100, model: qwen*, usd_per_gpu_hour: 2.5, gpus: 8, shared_by: time}]\n"
    )

    def found(*arguments: str) -> str:
        return spanledger("prices", "find", *arguments, "--data", str(tmp_path)).stdout

    deal = found("gpt-4o", "--provider", "openai", "--at", "2026-11-02")
    assert "rule deal (12.00% off the list price)" in deal and "input_uncached 2.2," in deal
    assert "list price openai/gpt-4o" in found("gpt-4o", "--provider", "openai", "--at", "2026-10-31T23:59")
    assert "20.0 USD an hour, shared by time" in found("qwen3")
    assert "no price" in found("llama3")
    assert "1 rules per token, 1 per GPU-hour" in spanledger("prices", "check", str(tmp_path / "prices.yaml")).stdout
    assert "overlap" in one_line(broken(tmp_path))


def test_the_prices_of_a_running_spanledger_are_those_of_called_models_and_a_count_of_the_others(
    platform: Start, tmp_path: Path
) -> None:
    (tmp_path / "prices.yaml").write_text(
        "per_token: [{name: deal, provider: openai, model: gpt-4o*, discount: 12%}]\n"
        "per_gpu_hour: [{name: h100, provider: groq, model: '*', usd_per_gpu_hour: 2.5, gpus: 8, shared_by: time}]\n"
    )
    here = platform(prices=price_rules.load(tmp_path / "prices.yaml"))
    here.send(request(calls(3)))
    url = here.drained().platform.addresses.clickhouse
    rows = [
        json.loads(row)
        for row in spanledger("prices", "list", "--url", url, "--format", "JSONEachRow").stdout.splitlines()
    ]
    *deal, deal_rest, h100_rest = rows
    assert {(row["rule"], row["provider"], row["model"], row["models_not_called"]) for row in deal} == {
        ("deal", "openai", "gpt-4o", 0)
    }
    [listed] = [row for row in deal if not row["service_tier"]]
    assert (listed["input_usd"], listed["output_usd"]) == (2.2, 8.8)
    assert (deal_rest["rule"], deal_rest["model"]) == ("deal", "") and deal_rest["models_not_called"] > 5
    assert (h100_rest["rule"], h100_rest["model"]) == ("h100", "") and h100_rest["models_not_called"] > 5
    assert h100_rest["usd_an_hour"] == 20


def test_the_rules_of_the_docs_are_right_and_leave_bought_models_to_the_list(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", (README.parent / "docs" / "prices.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "prices.yaml").write_text(example)
    rules = price_rules.load(tmp_path / "prices.yaml")
    assert [rule.name for rule in rules.of("openai", "Qwen/Qwen3-32B")] == ["h100"]
    assert not list(rules.of("groq", "qwen/qwen3-32b")) and not list(rules.of("aws", "qwen.qwen3-32b"))


def broken(folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "two.yaml").write_text(
        "per_token: [{name: a, model: b, discount: 1%}, {name: c, model: b, discount: 1%}]"
    )
    return spanledger("prices", "check", str(folder / "two.yaml"))
