"""A month of calls, made inside the engine: rows go straight into `ledger` and `spans`, past collector and pipeline.

Every figure of a call is a hash of its number, so the two tables agree, the same arguments give the same rows, and nothing is
held in memory. An INSERT is an hour of one table: 720 of each. What it is like:

- 30 days; an hour's calls follow the day (quiet nights, a peak at 13:00 UTC), the week (weekends at 40 %) and 35 % growth.
- 8 services in 2 environments, 4 teams, 24 features, 12 models of 3 providers (a feature uses three), 200 customers of up to
  5,000 users: each drawn with a long tail. A trace is two calls, about 128 calls apart; a session eight, spread over 2,000 calls.
- Tokens are log-normal (median 1,100 in, 150 out), duration follows output, 60 % stream, 0.7 % fail, one model has no price.
- `attributes`: app.tier (3 values), app.tenant (20,000 values, long tail), app.request_id (each its own), beside three that
  instrumentors leave.
- A segment every 0.4 s, as the spool seals them below its 32 MB; received a second after the call's end.
"""

from __future__ import annotations

import itertools
import math
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spanledger_collector.contract import Contract
from spanledger_collector.engine import INSERT_SETTINGS
from spanledger_collector.store import Store

END = datetime(2026, 11, 20, 17, tzinfo=UTC)  # a Friday afternoon
DAYS = 30
START = END - timedelta(days=DAYS)

LEDGER_PART_BYTES = 300 << 20  # at most, in the end: there are some tens of them, as in life

TRACE_ID = "lower(hex(sipHash128(intDiv(number, 256), number % 128)))"
CALLS = """
WITH
    [{random}] AS u,
    sqrt(-2 * log(u[1])) * cos(2 * pi() * u[2]) AS normal, sqrt(-2 * log(u[1])) * sin(2 * pi() * u[2]) AS other_normal,
    toUInt32(8 * pow(u[3], 1.6)) AS service, toUInt32(3 * u[6]) AS feature_number,
    (service + 4 * feature_number + toUInt32(3 * pow(u[4], 1.6))) % 12 AS model_number,
    toUInt32(200 * pow(u[5], 2.5)) AS customer_number,
    u[8] < 0.007 AS failed, model_number != 11 AND NOT failed AS is_priced
SELECT
    'default' AS project,
    fromUnixTimestamp64Nano(toInt64({start} + (number - {first}) * {gap} + cityHash64(number) % {gap}), 'UTC') AS timestamp,
    {trace_id} AS trace_id,
    lower(hex(sipHash64(number, 'span'))) AS span_id,
    'chat' AS operation,
    ['openai', 'anthropic', 'self-hosted'][if(model_number = 11, 3, 1 + model_number % 2)] AS provider,
    concat(['gpt', 'claude', 'northwind'][if(model_number = 11, 3, 1 + model_number % 2)], '-', toString(model_number)) AS model,
    concat('service-', toString(service)) AS service_name,
    if(u[7] < 0.05, 'staging', 'production') AS environment,
    concat('team-', toString(service % 4)) AS team,
    concat('feature-', toString(service * 3 + feature_number)) AS feature,
    concat('customer-', toString(customer_number)) AS customer,
    concat(customer, '/', toString(toUInt32(5000 * pow(u[9], 2)))) AS user_id,
    concat('s_', lower(hex(sipHash64(intDiv(number, 2048), number % 256, 'session')))) AS session_id,
    concat('prompt-', toString(service)) AS prompt_name, 'v3' AS prompt_version, 'default' AS service_tier,
    if(failed, NULL, toUInt64(exp(7 + 1.2 * normal))) AS input_tokens,
    if(failed, NULL, toUInt64(exp(5 + 0.9 * other_normal))) AS output_tokens,
    if(failed OR u[6] < 0.5, NULL, toUInt64(input_tokens * u[5])) AS cache_read_tokens,
    u[10] < 0.6 AND NOT failed AS streaming,
    toUInt64(3e8 + 1.2e7 * exp(5 + 0.9 * other_normal) * (0.5 + u[10])) AS duration_ns,
    if(streaming, toUInt64(2e8 + duration_ns * 0.1 * u[9]), NULL) AS ttft_ns,
    if(failed, 'error', 'ok') AS status,
    if(failed, ['RateLimitError', 'InternalServerError', 'APITimeoutError', 'BadRequestError'][1 + toUInt32(4 * u[9])], '') AS error_type,
    multiIf(failed, 'free', is_priced, 'priced', 'unpriced') AS cost_status,
    multiIf(failed, toDecimal128(0, 12), is_priced, toDecimal128(
        (input_tokens - 0.9 * ifNull(cache_read_tokens, 0) + 5 * output_tokens) * (model_number + 1) / 4e6, 12), NULL) AS cost_usd,
    timestamp + toIntervalNanosecond(duration_ns + 1000000000) AS received_at,
    toUInt64(intDiv(toUnixTimestamp64Nano(timestamp) + 5000000000, 400000000)) AS segment,
    u[9] AS more, u[8] AS still_more
FROM numbers({first}, {calls})
"""

INSERT = """
INSERT INTO spanledger.ledger ({names})
SELECT {values} FROM ({calls}) SETTINGS {settings}
"""
BY_MERGES = str(INSERT_SETTINGS["exclude_materialize_skip_indexes_on_insert"]).split(",")
SETTINGS = "max_threads = 1, max_insert_threads = 1, async_insert = 0, insert_deduplicate = 0, " + (
    f"exclude_materialize_skip_indexes_on_insert = '{','.join(BY_MERGES)}'"
)
_SAME = (
    "project", "timestamp", "trace_id", "span_id", "operation", "provider", "model", "service_name", "environment", "team",
    "feature", "customer", "user_id", "session_id", "prompt_name", "prompt_version", "service_tier", "cost_usd", "cost_status",
    "duration_ns", "ttft_ns", "status", "error_type", "segment",
)  # fmt: skip
OF_LEDGER = {
    "posted_at": "received_at", "period": "toStartOfMonth(timestamp)", "kind": "'charge'", "calls": "1",
    "input_uncached": "toInt64(input_tokens - ifNull(cache_read_tokens, 0))",
    "cache_read": "if(isNull(input_tokens), NULL, toInt64(ifNull(cache_read_tokens, 0)))",
    **dict.fromkeys(
        ("cache_write_5m", "cache_write_1h", "audio_in", "reasoning", "audio_out"), "if(isNull(input_tokens), NULL, 0)::Nullable(Int64)"
    ),
    "output_text": "toInt64(output_tokens)", "reports_cache": "isNotNull(cache_read_tokens)",
    "price_id": "if(cost_status = 'priced', concat(provider, '/', model), '')", "price_version": "'2026-11'",
}  # fmt: skip
OF_SPANS = {
    "flags": "256", "name": "concat('chat ', model)", "kind": "'client'",
    "scope_name": "'opentelemetry.instrumentation.genai'", "scope_version": "'1.3b0'",
    "request_model": "model", "response_model": "model", "streaming": "streaming",
    "finish_reason": "if(status = 'ok', 'stop', '')", "input_tokens": "input_tokens", "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens", "cost_as_reported": "cost_status = 'priced'", "reported_cost_source": "'local'",
    "billing_owner": "true", "response_id": "concat('chatcmpl-', base64Encode(reinterpretAsString(sipHash128(segment, span_id))))",
    "server_address": "concat('api.', provider, '.example')",
    "attribute_values": """map(
        'app.tier', {tier}, 'app.tenant', {tenant}, 'app.request_id', {request}, 'gen_ai.usage.cost.source', char(10, 5) || 'local',
        'gen_ai.usage.cost.currency', char(10, 3) || 'USD', 'gen_ai.response.finish_reasons', char(42, 8, 10, 6, 10, 4) || 'stop')""",
    "column_attributes": "'{codes}'",
    "resource": """concat('([(''telemetry.sdk.language'',''', char(10, 6), 'python''),(''telemetry.sdk.name'',''', char(10, 13),
        'opentelemetry''),(''service.name'',''', char(10, 9), service_name, ''')],[])')""",
    "received_at": "received_at",
}  # fmt: skip


def text_value(expression: str) -> str:
    """SQL of an AnyValue's bytes, as `attribute_values` keeps them: a text of fewer than 128 bytes."""
    return f"concat(char(10), char(length({expression})), {expression})"


def hours(calls: int) -> Iterator[tuple[datetime, int, int]]:
    """Beginning, first call and number of calls of each hour; they add up to `calls`."""

    def weight(hour: int) -> float:
        at = START + timedelta(hours=hour)
        day = 0.25 + max(0.0, math.cos((at.hour - 13) / 12 * math.pi)) ** 1.5
        weekly: float = day * (0.4 if at.weekday() >= 5 else 1.0) * (1 + 0.35 * hour / (DAYS * 24))
        return weekly

    weights = [weight(hour) for hour in range(DAYS * 24)]
    done, share = 0, 0.0
    for hour, own in enumerate(weights):
        share += own
        until = round(calls * share / sum(weights))
        yield START + timedelta(hours=hour), done, until - done
        done = until


def statements(calls: int, table: str) -> Iterator[str]:
    """The INSERTs that fill `table`, oldest first."""
    codes = {code.column: code.code for code in reversed(Contract.load().codes)}  # the preferred name of each
    said = ("operation", "provider", "request_model", "response_model", "input_tokens", "output_tokens", "user_id", "session_id",
            "team", "feature", "customer", "prompt_name", "prompt_version", "response_id", "server_address")  # fmt: skip
    fill = {
        "tier": text_value("['free', 'pro', 'enterprise'][1 + toUInt32(3 * more)]"),
        "tenant": text_value("concat('tenant-', toString(toUInt32(20000 * pow(still_more, 3))))"),
        "request": text_value("concat('req_', lower(hex(sipHash64(span_id))))"),
        "codes": "".join(codes[column] for column in said if column in codes),
    }
    columns = {name: name for name in _SAME} | (OF_LEDGER if table == "ledger" else OF_SPANS)
    values = {name: value.format(**fill) if table == "spans" else value for name, value in columns.items()}
    random = ", ".join(f"(1 + cityHash64(number, {which}) % 999998) / 1000000" for which in range(10))
    for at, first, count in hours(calls):
        if count:
            made = CALLS.format(
                random=random,
                trace_id=TRACE_ID,
                start=int(at.timestamp()) * 10**9,
                first=first,
                calls=count,
                gap=3600 * 10**9 // count,
            )
            yield INSERT.replace("spanledger.ledger", f"spanledger.{table}").format(
                names=", ".join(values),
                values=", ".join(f"{value} AS {name}_" for name, value in values.items()),
                calls=made,
                settings=SETTINGS,
            )


def make(store: Store, calls: int) -> None:
    """Fill both tables, two threads each, and wait until the engine has merged what it merges by itself."""
    store.keep("spans", 0)  # the month ends where it ends, whatever the clock says
    failures: list[BaseException] = []

    def fill(table: str, part: int) -> None:
        client = store.open()
        try:
            for statement in itertools.islice(statements(calls, table), part, None, 2):
                client.command(statement)
        except BaseException as error:
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=fill, args=[table, part]) for table in ("ledger", "spans") for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    # An hour from now the engine would merge the spans that it has not merged by itself; here at once. What no merge has touched has no
    # indexes and no rollups: in life that is segments of seconds, but here an INSERT is an hour, so they are made for what is left.
    at_once = "min_age_to_force_merge_seconds = 1"
    store.command(f"ALTER TABLE spanledger.spans MODIFY SETTING {at_once}")
    store.command(
        f"ALTER TABLE spanledger.ledger MODIFY SETTING {at_once}, max_bytes_to_merge_at_max_space_in_pool = {LEDGER_PART_BYTES}"
    )
    at_rest = 0
    while at_rest < 10:
        time.sleep(1)
        at_rest = 0 if store.query("SELECT 1 FROM system.merges") else at_rest + 1
    store.command(
        "ALTER TABLE spanledger.ledger RESET SETTING min_age_to_force_merge_seconds, max_bytes_to_merge_at_max_space_in_pool"
    )
    rollups = [name for (name,) in store.query("SELECT name FROM system.projections WHERE table = 'ledger'")]
    made = ", ".join(f"MATERIALIZE PROJECTION {name}" for name in rollups)
    store.command(f"ALTER TABLE spanledger.ledger {made} SETTINGS mutations_sync = 1")
    left = "SELECT DISTINCT partition FROM system.parts WHERE active AND table = 'spans' AND level = 0"
    for (partition,) in store.query(left):
        indexed = ", ".join(f"MATERIALIZE INDEX {name} IN PARTITION {partition!r}" for name in BY_MERGES)
        store.command(f"ALTER TABLE spanledger.spans {indexed} SETTINGS mutations_sync = 1")


def main() -> None:
    folder, calls = Path(sys.argv[1]), round(float(sys.argv[2]) * 1e6)
    store = Store(folder / "store")
    store.migrate(datetime.now(UTC))
    begun = time.monotonic()
    make(store, calls)
    for table, parts, size in store.query(
        "SELECT table, count(), sum(bytes_on_disk) FROM system.parts "
        "WHERE active AND table IN ('ledger', 'spans') GROUP BY table ORDER BY table"
    ):
        print(f"  {table}: {size / 1e9:.2f} GB, {size / calls:.0f} bytes a call, in {parts} parts")
    print(f"  made in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
