"""Closing an alert in Opsgenie by its alias, which apprise cannot: https://docs.opsgenie.com/docs/alert-api#close-alert"""

from __future__ import annotations

from urllib.parse import quote

import requests

from spanledger_collector.errors import RetryableError

TIMEOUT = 10.0


def close(alerts_url: str, api_key: str, alias: str, note: str) -> None:
    """Close the alert that was created with `alias`; none is fine. Raises RetryableError."""
    url = f"{alerts_url}/{quote(alias, safe='')}/close"
    try:
        answer = requests.post(
            url,
            params={"identifierType": "alias"},
            json={"source": "spanledger", "note": note},
            headers={"Authorization": f"GenieKey {api_key}"},
            timeout=TIMEOUT,
        )
    except requests.RequestException as error:
        raise RetryableError(f"Opsgenie does not answer: {type(error).__name__}") from error
    if not answer.ok and answer.status_code != 404:
        raise RetryableError(f"Opsgenie answered {answer.status_code} {answer.reason}")
