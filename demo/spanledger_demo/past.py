"""A month of Northwind's calls, drawn one by one.

Gaps and token sizes come from the profile; days, weeks, growth and incidents from `world`.
"""

from __future__ import annotations

import math
import random
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from spanledger_demo.models import CATALOGUE, Model
from spanledger_demo.profile import Profile, Sampler
from spanledger_demo.reply import Usage
from spanledger_demo.world import (
    ABANDONED,
    CUSTOMERS,
    FEATURES,
    GROWTH,
    INCIDENTS,
    NIGHT,
    OFFICE,
    STAGING,
    USUAL_FAILURES,
    WEEK,
    Feature,
    Incident,
)

SLOT_S = 600
"""Traffic is steady within a slot of ten minutes."""
LONGEST_CONTEXT = 180_000
"""Tokens; what is longer is cut by the app."""
SETTLED = timedelta(minutes=5)
"""The last call begins this long before now, so that it has ended by then."""
SESSION_S = 1800
"""A user who comes back after this long begins a new session."""
ABANDONED_STATUS, TIMEOUT_STATUS = 499, 408
LETTERS = bytes.maketrans(b"+/", b"xQ")


class Root(NamedTuple):
    """The service's own span around its calls."""

    span_id: bytes
    start_ns: int
    end_ns: int


class PastCall(NamedTuple):
    """One call, as it truly was."""

    feature: Feature
    environment: str
    model: Model
    start_ns: int
    end_ns: int
    first_token_ns: int | None
    """From the start; only where it streamed and something came."""
    status: int
    """Of HTTP. 408 for the client's own time-out, 499 for a stream that the caller left."""
    usage: Usage
    """What was billed, as far as the caller could know: nothing of time-outs, half of abandoned streams."""
    stream: bool
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    """Empty where the call is the root of its trace."""
    root: Root | None
    """On the last call within it."""
    customer: str
    user: str
    session: str
    prompt_version: str
    response_id: str
    request_id: str


def calls(
    *, calls: int = 300_000, days: float = 30, now: datetime, seed: int = 0, profile: Profile | None = None
) -> Iterator[PastCall]:
    """About `calls` calls of the `days` before `now` (aware), in order of arrival."""
    rng = random.Random(seed)
    sampler = Sampler(profile or Profile.load(), rng)
    company = Company(rng, sampler)
    slots = _slots(days, now)
    arrivals = calls / (1 + sum(feature.share for feature in FEATURES if feature.retrieves) / _total_share())
    per_weight = arrivals / sum(slot.weight for slot in slots)
    place, begin = 0, 0.0
    expected = slots[0].weight * per_weight
    arrival = 0.0
    while True:
        # Gaps of mean one run in a time where one call is due a tick; the slots say when each tick is on the clock.
        arrival += sampler.gap()
        while arrival >= begin + expected:
            begin += expected
            place += 1
            if place == len(slots):
                return
            expected = slots[place].weight * per_weight
        slot = slots[place]
        start_ns = slot.start_ns + int((arrival - begin) / expected * slot.length_ns)
        yield from company.act(slot, start_ns)


@dataclass(frozen=True)
class Slot:
    """A stretch of time in which traffic is steady."""

    start_ns: int
    length_ns: int
    age: float
    """As `world` counts: days back from the beginning of today."""
    weights: tuple[float, ...]
    """Of the features, added up."""
    incidents: tuple[Incident, ...]

    @property
    def weight(self) -> float:
        return self.weights[-1]


def today(service: str) -> Slot:
    """A slot for live traffic: the features of one service on a quiet day, with the prompts now in use."""
    weights = accumulate(feature.share if feature.service == service else 0.0 for feature in FEATURES)
    return Slot(0, 0, 0.0, tuple(weights), ())


def _total_share() -> float:
    return sum(feature.share for feature in FEATURES)


def _slots(days: float, now: datetime) -> list[Slot]:
    end = now.astimezone(UTC) - SETTLED
    count = max(1, math.ceil(days * 86_400 / SLOT_S))
    length = timedelta(days=days) / count
    today = end.replace(hour=0, minute=0, second=0, microsecond=0)
    slots = []
    for n in range(count):
        start = end - length * (count - n)
        age = (today - start) / timedelta(days=1)
        growth = 1 + GROWTH * n / count
        office = _hourly(OFFICE, start) * WEEK[start.weekday()]
        night = _hourly(NIGHT, start)
        weights = accumulate(feature.share * growth * (night if feature.nightly else office) for feature in FEATURES)
        near = tuple(incident for incident in INCIDENTS if incident.on(age))
        start_ns = int(start.timestamp()) * 10**9
        slots.append(Slot(start_ns, int(length.total_seconds() * 1e9), age, tuple(weights), near))
    return slots


def _hourly(shape: tuple[float, ...], time: datetime) -> float:
    """Straight lines between the middles of the hours."""
    hour = time.hour + time.minute / 60 - 0.5
    low = math.floor(hour)
    return shape[low % 24] + (shape[(low + 1) % 24] - shape[low % 24]) * (hour - low)


class Company:
    """Turns arrivals into calls. Keeps who is in which session."""

    def __init__(self, rng: random.Random, sampler: Sampler) -> None:
        self._rng = rng
        self._sampler = sampler
        self._sessions: dict[tuple[str, str], tuple[str, int]] = {}
        self._customer_weights = list(accumulate(1 / (n + 1) for n in range(len(CUSTOMERS))))
        self._model_choice = {
            feature.name: (
                [CATALOGUE[name] for name in feature.models],
                list(accumulate(feature.models.values())),
            )
            for feature in FEATURES
        }

    def act(self, slot: Slot, start_ns: int) -> Iterator[PastCall]:
        """What one arrival leads to: a call, or an embedding and a call."""
        rng = self._rng
        feature = rng.choices(FEATURES, cum_weights=slot.weights)[0]
        models, weights = self._model_choice[feature.name]
        model = models[0] if len(models) == 1 else rng.choices(models, cum_weights=weights)[0]
        environment = "staging" if rng.random() < STAGING else "production"
        customer, user, session = self._who(feature, environment, start_ns)
        trace_id, parent_id = rng.randbytes(16), b""
        first_ns = start_ns
        if feature.route and rng.random() < feature.routed:
            parent_id = rng.randbytes(8)
            start_ns += int(rng.uniform(0.5e6, 4e6))
        version = next((name for since, name in reversed(feature.versions) if slot.age <= since), "")

        def call(model: Model, start_ns: int, root_start_ns: int = 0) -> PastCall:
            incidents = [i for i in slot.incidents if i.hits(model.provider, feature)]
            status = self._status(incidents, model)
            stream = rng.random() < feature.stream and not model.embedding
            if stream and status == 200 and rng.random() < ABANDONED:
                status = ABANDONED_STATUS
            usage = self._usage(feature, model, incidents) if status in (200, ABANDONED_STATUS) else Usage()
            first_s, whole_s = self._durations(model, usage, status, incidents)
            if status == ABANDONED_STATUS:
                # OpenAI's usage comes with the last chunk; Anthropic's input with the first event.
                known = model.provider == "anthropic"
                usage = replace(usage, output_text=0, reasoning=0) if known else Usage()
            end_ns = start_ns + int(whole_s * 1e9)
            root = Root(parent_id, root_start_ns, end_ns + int(rng.uniform(0.3e6, 3e6))) if root_start_ns else None
            answered = status in (200, ABANDONED_STATUS)
            return PastCall(
                feature, environment, model, start_ns, end_ns, int(first_s * 1e9) if stream and answered else None,
                status, usage, stream, trace_id, rng.randbytes(8), parent_id, root, customer, user, session,
                version, self._response_id(feature, model) if answered else "",
                "req_01" + self._token(16)[:22] if model.provider == "anthropic" and status != TIMEOUT_STATUS else "",
            )  # fmt: skip

        if feature.retrieves:
            embedding = call(CATALOGUE["text-embedding-3-small"], start_ns)
            yield embedding
            start_ns = embedding.end_ns + int(rng.uniform(5e6, 40e6))
        yield call(model, start_ns, first_ns if parent_id else 0)

    def _who(self, feature: Feature, environment: str, now_ns: int) -> tuple[str, str, str]:
        rng = self._rng
        if environment == "staging":
            return "", f"tester-{rng.randrange(6)}", ""
        customer = rng.choices(CUSTOMERS, cum_weights=self._customer_weights)[0] if feature.for_customers else ""
        if feature.nightly:
            return customer, "", ""
        user = f"{customer or 'dev'}-{int(rng.expovariate(1 / 18)) + 1}"
        session, last_ns = self._sessions.get((feature.service, user), ("", 0))
        if now_ns - last_ns > SESSION_S * 10**9:
            session = "s_" + rng.randbytes(8).hex()
        self._sessions[feature.service, user] = session, now_ns
        return customer, user, session

    def _status(self, incidents: list[Incident], model: Model) -> int:
        for incident in incidents:
            if incident.fail_share and self._rng.random() < incident.fail_share:
                return incident.fail_status
        luck = self._rng.random()
        for status, share in USUAL_FAILURES.items():
            luck -= share
            if luck < 0:
                return 529 if status == 500 and model.provider == "anthropic" else status
        return 200

    def _usage(self, feature: Feature, model: Model, incidents: list[Incident]) -> Usage:
        tokens, generated = self._sampler.tokens()
        context = tokens * feature.context * math.prod(i.context for i in incidents)
        context = min(max(1, int(context)), LONGEST_CONTEXT)
        if model.embedding:
            # A question, or a page to index; not the conversation around it.
            return Usage(input_uncached=max(1, context // 8) if feature.retrieves else context)
        generated = max(1, int(generated * feature.generated))
        reasoning = int(generated * model.reasoning * self._rng.uniform(0.6, 2.2)) if model.reasoning else 0
        read = write = 0
        # Both providers cache the beginning of a prompt, from 1024 tokens on; OpenAI in steps of 128.
        prefix = int(context * 0.8)
        if feature.cached and prefix >= 1024:
            hit = self._rng.random() < feature.cached * math.prod(i.cached for i in incidents) / 0.8
            if model.provider == "openai":
                read = prefix // 128 * 128 if hit else 0
            else:
                read, write = (prefix, 0) if hit else (0, prefix)
        # Long prompts are worth keeping for an hour.
        long = feature.context > 4
        return Usage(
            input_uncached=context - read - write,
            cache_read=read,
            cache_write_5m=0 if long else write,
            cache_write_1h=write if long else 0,
            output_text=generated,
            reasoning=reasoning,
        )

    def _durations(self, model: Model, usage: Usage, status: int, incidents: list[Incident]) -> tuple[float, float]:
        """Seconds to the first token, and to the end."""
        rng = self._rng
        if status == TIMEOUT_STATUS:
            return 0.0, 60.0 + rng.uniform(0.0, 0.05)
        if status not in (200, ABANDONED_STATUS):
            return 0.0, rng.lognormvariate(-1.7, 0.5)
        first = model.first_token_s * rng.lognormvariate(0.0, 0.35) * math.prod(i.slower for i in incidents)
        first *= 1 + (usage.input - usage.cache_read) / 30_000
        if model.embedding:
            return first, first
        speed = model.tokens_per_s * rng.lognormvariate(0.0, 0.18)
        first += usage.reasoning / speed
        rest = (usage.output - usage.reasoning) / speed
        return first, first + rest * (rng.random() if status == ABANDONED_STATUS else 1.0)

    def _response_id(self, feature: Feature, model: Model) -> str:
        if model.embedding:
            return ""
        if model.provider == "anthropic":
            return "msg_01" + self._token(16)[:22]
        return "resp_" + self._token(36)[:48] if feature.api == "responses" else "chatcmpl-" + self._token(22)[:29]

    def _token(self, size: int) -> str:
        return b64encode(self._rng.randbytes(size)).translate(LETTERS).decode()
