"""The read-only ClickHouse HTTP interface of the embedded store.

One process owns the embedded engine, so the dashboard, Grafana and any ClickHouse client reach it here, over
ClickHouse's own HTTP protocol, and can do nothing but read. The engine has no restricted user: what keeps this
interface read-only is `gate` (which statements run at all) and `pool` (the limits and the scope of the handle a
statement runs on).
"""

from spanledger_collector.readonly.app import ReadOnlyInterface, UnauthorizedError, readonly_app
from spanledger_collector.readonly.catalog import EVERYTHING, Scope
from spanledger_collector.readonly.limits import Limits

__all__ = ["EVERYTHING", "Limits", "ReadOnlyInterface", "Scope", "UnauthorizedError", "readonly_app"]
