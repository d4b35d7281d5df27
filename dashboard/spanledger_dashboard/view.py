"""What a page is given to draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from spanledger_dashboard.palette import Palette
from spanledger_dashboard.selection import Period, Selection


@dataclass(frozen=True)
class View:
    selection: Selection
    period: Period
    now: datetime
    colours: Palette
    before: Period | None = None
    """What the period is compared with; None where the calls did not begin before it did."""

    def earlier(self, question: Callable[..., pd.DataFrame], **asked: Any) -> pd.DataFrame:
        """The answer for the period before: no row where there is nothing to compare with."""
        return question(self.selection, self.before, **asked) if self.before else pd.DataFrame()
