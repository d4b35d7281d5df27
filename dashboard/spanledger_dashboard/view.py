"""What a page is given to draw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from spanledger_dashboard.palette import Palette
from spanledger_dashboard.selection import Period, Selection


@dataclass(frozen=True)
class View:
    selection: Selection
    period: Period
    now: datetime
    colours: Palette
