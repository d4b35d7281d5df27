"""Run by a test in a process of its own: one call of each kind, through the real SDK and the real clients."""

from __future__ import annotations

import asyncio
import random
import sys
import time

import spanledger
from spanledger_demo.app import App
from spanledger_demo.past import Company, PastCall, today
from spanledger_demo.profile import Profile, Sampler

OUTCOMES = (200, 499, 400, 408, 429, 500)
SERVICES = ("support-bot", "doc-search", "contract-desk", "sales-writer")
EACH = 60


async def act(provider_url: str) -> None:
    rng = random.Random(1)
    company = Company(rng, Sampler(Profile.load(), rng))
    app = App(provider_url, seed=1, longest_s=0.3)
    drawn = [list(company.act(today(service), time.time_ns())) for service in SERVICES for _ in range(EACH)]
    await asyncio.gather(*(app.serve(calls) for calls in drawn))
    seen: dict[tuple[str, bool, int], list[PastCall]] = {}
    for calls in drawn:
        for status in OUTCOMES:
            *others, last = calls
            if last.status != 200 or (status == 499 and not last.stream):
                continue
            if status == 500 and last.model.provider == "anthropic":
                status = 529
            key = last.model.provider + last.feature.api, last.stream, status
            seen.setdefault(key, [*others, last._replace(status=status)])
    await asyncio.gather(*(app.serve(calls) for calls in seen.values()))
    await app.close()


if __name__ == "__main__":
    provider_url, otlp = sys.argv[1:]
    spanledger.instrument(endpoint=otlp, service="live", environment="production")
    asyncio.run(act(provider_url))
    spanledger.shutdown()
