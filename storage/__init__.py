"""What is true: one SQLite file, one connection, one writer."""

from .brief import Brief, Input, Lora, Mode, Plan, Relation
from .job import ENDED, MOVES, IllegalMove, Job, Lane, Stale, State
from .jobs import Due, Event, Jobs
from .ledger import Bill
from .moderation import Block, By, Change, Grant, Moderation
from .opening import CannotOpen, Damaged, Locked, NewerSchema, Store, open_store
from .periods import Period
from .policy import (
    Admitted,
    ChangedBy,
    Defaults,
    Limit,
    Policy,
    Refused,
    Rule,
    Server,
    Standing,
    Whose,
)
from .takes import Post, Preset, Reaction, Review, Take, Takes, Thread
from .writer import DiskTrouble

__all__ = [
    "ENDED",
    "MOVES",
    "Admitted",
    "Bill",
    "Block",
    "Brief",
    "By",
    "CannotOpen",
    "Change",
    "ChangedBy",
    "Damaged",
    "Defaults",
    "DiskTrouble",
    "Due",
    "Event",
    "Grant",
    "IllegalMove",
    "Input",
    "Job",
    "Jobs",
    "Lane",
    "Limit",
    "Locked",
    "Lora",
    "Mode",
    "Moderation",
    "NewerSchema",
    "Period",
    "Plan",
    "Policy",
    "Post",
    "Preset",
    "Reaction",
    "Refused",
    "Relation",
    "Review",
    "Rule",
    "Server",
    "Stale",
    "Standing",
    "State",
    "Store",
    "Take",
    "Takes",
    "Thread",
    "Whose",
    "open_store",
]
