"""What is true: one SQLite file, one connection, one writer."""

from .accounting import Incident
from .brief import Brief, Input, Lora, Mode, Plan, Relation
from .files import Copy, Files, Holder
from .job import ENDED, MOVES, IllegalMove, Job, Lane, Stale, State
from .jobs import Due, Event, Jobs
from .ledger import Bill
from .looking import NotThere, look_into
from .moderation import Block, By, Change, Grant, Moderation
from .opening import Damaged, Locked, Store, open_store
from .parking import Parking, Parkings
from .periods import Period
from .policy import Admitted, Changed, Limit, Policy, Refused, Standing, Total
from .privacy import Forgotten, Privacy
from .rules import NO_LIMIT, ChangedBy, Defaults, Rule, Server, Whose
from .schedule import Schedule
from .schema import CannotOpen, NewerSchema, WrongSchema
from .servers import (
    Offer,
    PromptHit,
    PromptRule,
    RefusedOrder,
    Servers,
    Suspense,
    Use,
)
from .takes import Post, Preset, Reaction, Take, Takes, Tally, Thread
from .terms import Terms
from .writer import DiskTrouble

__all__ = [
    "ENDED",
    "MOVES",
    "NO_LIMIT",
    "Admitted",
    "Bill",
    "Block",
    "Brief",
    "By",
    "CannotOpen",
    "Change",
    "Changed",
    "ChangedBy",
    "Copy",
    "Damaged",
    "Defaults",
    "DiskTrouble",
    "Due",
    "Event",
    "Files",
    "Forgotten",
    "Grant",
    "Holder",
    "IllegalMove",
    "Incident",
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
    "NotThere",
    "Offer",
    "Parking",
    "Parkings",
    "Period",
    "Plan",
    "Policy",
    "Post",
    "Preset",
    "Privacy",
    "PromptHit",
    "PromptRule",
    "Reaction",
    "Refused",
    "RefusedOrder",
    "Relation",
    "Rule",
    "Schedule",
    "Server",
    "Servers",
    "Stale",
    "Standing",
    "State",
    "Store",
    "Suspense",
    "Take",
    "Takes",
    "Tally",
    "Terms",
    "Thread",
    "Total",
    "Use",
    "Whose",
    "WrongSchema",
    "look_into",
    "open_store",
]
