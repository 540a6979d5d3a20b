"""Settings of Fig. 6."""

from __future__ import annotations

from typing import ClassVar

from replication.settings.section import Section
from replication.settings.sources import Source, paper
from replication.settings.types import Dim


class Fig06(Section):
    """Coefficients of the moments in Example 1 (Fig. 6)."""

    computed_by: ClassVar[str] = "experiment:Coefficients"
    dim: Dim = 50
    sources: ClassVar[dict[str, Source]] = {"dim": paper("Fig. 6")}


EXPERIMENTS = {"fig06": Fig06}
