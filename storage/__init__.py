"""What is true: one SQLite file, one connection, one writer."""

from .brief import Brief, Input, Lora, Mode
from .job import ENDED, MOVES, IllegalMove, Job, Stale, State
from .jobs import Due, Event, Jobs
from .opening import CannotOpen, Damaged, Locked, NewerSchema, Store, open_store
from .writer import DiskTrouble

__all__ = [
    "ENDED",
    "MOVES",
    "Brief",
    "CannotOpen",
    "Damaged",
    "DiskTrouble",
    "Due",
    "Event",
    "IllegalMove",
    "Input",
    "Job",
    "Jobs",
    "Locked",
    "Lora",
    "Mode",
    "NewerSchema",
    "Stale",
    "State",
    "Store",
    "open_store",
]
