"""What is true: one SQLite file, one connection, one writer."""

from .brief import Brief, Input, Lora, Mode
from .jobs import ENDED, MOVES, IllegalMove, Job, Stale, State

__all__ = [
    "ENDED",
    "MOVES",
    "Brief",
    "IllegalMove",
    "Input",
    "Job",
    "Lora",
    "Mode",
    "Stale",
    "State",
]
