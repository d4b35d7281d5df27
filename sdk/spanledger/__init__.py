"""One line in an app, and what its LLM calls cost is in the ledger.

    import spanledger

    print(spanledger.instrument())

    with spanledger.attribute(team="search", feature="answers", customer="acme"):
        client.chat.completions.create(...)

Importing this package is light: OpenTelemetry's API and nothing else. All else is loaded by `instrument()`.
"""

from spanledger.attribution import attribute
from spanledger.lifecycle import flush, instrument, shutdown, stats
from spanledger.logs import JsonFormatter
from spanledger.record import record_call
from spanledger.report import Report
from spanledger.stats import Stats

__all__ = ["JsonFormatter", "Report", "Stats", "attribute", "flush", "instrument", "record_call", "shutdown", "stats"]
