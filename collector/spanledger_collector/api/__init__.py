"""The HTTP API, `/api/v1`: every view of the ledger, traces and sessions, for whoever does not speak SQL.

It asks through the read-only interface's service, so it can read no more than that: same gate, same limits, same projects.
"""

from spanledger_collector.api.app import api_app
from spanledger_collector.api.views import View, read_views

__all__ = ["View", "api_app", "read_views"]
