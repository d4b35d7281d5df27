"""The command line of prices: `spanledger prices list | check | find`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from spanledger_collector import price_rules
from spanledger_collector.cli_options import SQL_PORT, Data, PricesFile, ReadKey, SqlPort, ask, moment
from spanledger_collector.price_rules import PerToken, PriceRules
from spanledger_collector.pricing import Edition
from spanledger_collector.timeline import BUCKETS, Card, with_rules

app = typer.Typer(
    no_args_is_help=True, help="Prices: check your own, see which are in force, find the one that a call would pay."
)
# What the rules have made of the price book, in the recording that is in force of each model. A pattern is for models of the
# list that nobody calls, too, hundreds of them: they are one row a rule.
_LIST = """
SELECT rule, provider, model, service_tier, valid_from, valid_to, input_usd, output_usd, usd_an_hour, shared_by,
    price_version, recorded_at, models_not_called
FROM
(
    SELECT rule, if(called, provider::String, '') AS provider, if(called, model, '') AS model,
        if(called, service_tier::String, '') AS service_tier, if(called, valid_from, NULL) AS valid_from,
        if(called, valid_to, NULL) AS valid_to, if(called, minute_from, NULL) AS minute_from,
        if(called, input_from, NULL) AS input_from, if(called, input_uncached, NULL) AS input_usd,
        if(called, output_text, NULL) AS output_usd, usd_an_hour, shared_by::String AS shared_by,
        price_version::String AS price_version, max(of_rules.recorded_at) AS recorded_at,
        uniqExactIf((of_rules.provider, of_rules.model), NOT called) AS models_not_called
    FROM
    (
        SELECT *, substring(price_id, 6) AS rule,
            (provider, model) IN (SELECT provider, model FROM spanledger.ledger GROUP BY provider, model) AS called
        FROM spanledger.prices
        WHERE source = 'prices.yaml' AND (provider, model, service_tier, recorded_at) IN (
            SELECT provider, model, service_tier, max(recorded_at) FROM spanledger.prices GROUP BY provider, model, service_tier)
    ) AS of_rules
    GROUP BY ALL
)
ORDER BY rule, models_not_called, provider, model, service_tier, valid_from, minute_from, input_from
"""


@app.command("check")
def check(file: Annotated[Path, typer.Argument(help="The file of price rules to check.")]) -> None:
    """Check a file of price rules, without a running spanledger."""
    rules = price_rules.load(file)
    typer.echo(
        f"{file} is right: {len(rules.per_token)} rules per token, {len(rules.per_gpu_hour)} per GPU-hour. "
        "It is read when `spanledger up` starts."
    )


@app.command("list")
def show(
    url: SqlPort = SQL_PORT,
    key: ReadKey = "",
    output: Annotated[str, typer.Option("--format", help="Any ClickHouse output format.")] = "PrettyCompactMonoBlock",
) -> None:
    """Show your own prices in a running spanledger: each rule, with the models that were called and that it is for.

    How many others of the price book it is for is in a row of its own: models_not_called.
    """
    found = ask(url, key, _LIST, output)
    if not found:
        typer.echo("No rule is in force, or none is for a model that is listed or was called.", err=True)
    sys.stdout.buffer.write(found)


@app.command("find")
def find(
    model: Annotated[str, typer.Argument(help="A model, as spans name it.")],
    data: Data,
    provider: Annotated[str, typer.Option(help="Its provider, as spans name it.", show_default="none")] = "",
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=moment, metavar="TIME", help="When: 2026-11-24 or 2026-11-24T10:00, in UTC.", show_default="now"
        ),
    ] = None,
    prices: PricesFile = None,
) -> None:
    """Find the price that a call would pay, and say where it comes from: a rule of yours, the list, or nowhere."""
    rules = price_rules.load_default(prices, data)
    for line in _said(rules, provider, model, at or datetime.now(UTC)):
        typer.echo(line)


def _said(rules: PriceRules, provider: str, model: str, when: datetime) -> Iterator[str]:
    listed = Edition.installed().find(provider, model)
    of = list(rules.of(provider, model))
    seconds = when.timestamp()
    rule = next((rule for rule in of if rule.valid_from <= seconds < rule.valid_to), None)
    cards = {
        tier: [card for card in cards if card.valid_from <= seconds < card.valid_to]
        for tier, cards in with_rules(listed or {}, of).items()
    }
    named = f"{provider or '(no provider)'} {model} at {when:%Y-%m-%d %H:%M:%S} UTC"
    if rule and any(cards.values()):
        what = (
            f"{rule.discount:.2%} off the list price" if isinstance(rule, PerToken) and rule.discount else "your rule"
        )
        yield f"{named}: rule {rule.name} ({what})"
    elif cards.get(""):
        yield f"{named}: list price {cards[''][0].price_id} ({Edition.installed().version})"
    else:
        yield f"{named}: no price. Its calls are shown as unpriced."
        yield (
            f"The rule {rule.name} gives a discount, but there is no list price: give it usd_per_million."
            if rule
            else "Neither a rule of yours nor the list knows it: give it a rule in prices.yaml (docs/prices.md)."
        )
    for tier, several in cards.items():
        yield from (f"  {line}" for card in several for line in _rates(tier, card))


def _rates(tier: str, card: Card) -> Iterator[str]:
    if card.shared_by:
        yield f"{card.usd_an_hour:f} USD an hour, shared by {card.shared_by} among the calls of the hour"
        return
    when = f", from {card.input_from} tokens of input on" if card.input_from else ""
    if (card.minute_from, card.minute_to) != (0, 1440):
        when += ", {:02}:{:02} to {:02}:{:02} UTC".format(*divmod(card.minute_from, 60), *divmod(card.minute_to, 60))
    tokens, call = dict(zip(BUCKETS, card.rates, strict=False)), card.rates[-1]
    known = ", ".join(f"{name} {rate.normalize():f}" for name, rate in tokens.items() if rate is not None)
    yield f"{tier or 'any tier'}{when}: USD per million tokens: {known}"
    if call:
        yield f"{tier or 'any tier'}{when}: {(call / 1_000_000).normalize():f} USD a call"
