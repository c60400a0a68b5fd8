"""What is true: one SQLite file, one writer."""

from .accounting import Incident
from .audit import By, Change
from .batches import Sheet, Undecided, teller
from .brief import Brief, Input, Lora, Mode, Plan, Relation
from .defaults import Defaults
from .digests import Waiting
from .events import Event
from .files import Copy, Holder
from .finding import NEWEST, Found, Hit, Wanted
from .greetings import Greeting
from .guilds import NO_LIMIT, ChangedBy, Server
from .job import (
    AT_WORK,
    AWAITED,
    CANCELLABLE,
    COURSE,
    DOWNLOADS,
    ENDED,
    FINISHED,
    FOR_MODERATORS,
    IN_SLOT,
    LIVE,
    MADE,
    MOVES,
    OWED,
    PARKED,
    POSTED,
    UNANSWERED,
    UNMADE,
    UNRENDERED,
    IllegalMove,
    Job,
    Lane,
    Stale,
    State,
)
from .jobs import Due
from .ledger import Bill
from .looking import NotThere, look_into
from .opening import Damaged, Locked, open_store
from .order_defaults import OrderDefaults
from .outbox import Backlog, OutboxEvent
from .parking import Parking
from .parts import (
    Batches,
    Files,
    Jobs,
    Moderation,
    Outbox,
    Parkings,
    Policy,
    Privacy,
    Servers,
    Takes,
)
from .periods import Period
from .pings import Ping
from .posts import Post
from .presets import Preset
from .privacy import Forgotten
from .prompt_help import PromptDraft, Sending
from .prompt_rules import PromptHit, PromptRule
from .quota.admission import Admitted, Changed, Limit, Refused
from .quota.blocks import Block
from .quota.budget import Total
from .quota.grants import Grant
from .quota.rules import Rule, Whose
from .quota.standing import Standing
from .reactions import Reaction
from .reels import Reel, ReelState
from .refused_orders import Offer, RefusedOrder
from .removals import Removal
from .reports import Suspense, Use
from .schedule import Schedule
from .schema import CannotOpen, NewerSchema, WrongSchema
from .shots import Shot, ShotClip
from .store import Store
from .takes import Take, Tally
from .terms import Terms
from .threads import Thread
from .writer import DiskTrouble

__all__ = [
    "AT_WORK",
    "AWAITED",
    "CANCELLABLE",
    "COURSE",
    "DOWNLOADS",
    "ENDED",
    "FINISHED",
    "FOR_MODERATORS",
    "IN_SLOT",
    "LIVE",
    "MADE",
    "MOVES",
    "NEWEST",
    "NO_LIMIT",
    "OWED",
    "PARKED",
    "POSTED",
    "UNANSWERED",
    "UNMADE",
    "UNRENDERED",
    "Admitted",
    "Backlog",
    "Batches",
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
    "Found",
    "Grant",
    "Greeting",
    "Hit",
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
    "OrderDefaults",
    "Outbox",
    "OutboxEvent",
    "Parking",
    "Parkings",
    "Period",
    "Ping",
    "Plan",
    "Policy",
    "Post",
    "Preset",
    "Privacy",
    "PromptDraft",
    "PromptHit",
    "PromptRule",
    "Reaction",
    "Reel",
    "ReelState",
    "Refused",
    "RefusedOrder",
    "Relation",
    "Removal",
    "Rule",
    "Schedule",
    "Sending",
    "Server",
    "Servers",
    "Sheet",
    "Shot",
    "ShotClip",
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
    "Undecided",
    "Use",
    "Waiting",
    "Wanted",
    "Whose",
    "WrongSchema",
    "look_into",
    "open_store",
    "teller",
]
