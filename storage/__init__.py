"""What is true: one SQLite file, one writer."""

from .accounting import Incident
from .alerts import Alert, AlertKind, Phase, Telling, WaitingClips
from .audit import By, Change
from .batches import Sheet, Undecided, teller
from .brief import Brief, Input, Lora, Mode, Plan, Relation
from .copying import Copied, Restored, copy_database, restore_database
from .defaults import Defaults
from .digests import Waiting
from .engine import ServerTrouble
from .events import Event
from .figures import Budget, Flow, LiveJobs, Mark, Move
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
from .monitoring import Alerts, Figures
from .moving import move_to_server
from .opening import SQLITE, Damaged, Locked, open_store, shareable
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
from .quota.alarms import Alarm
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
from .restoration import Restoration
from .schedule import Schedule
from .schema import CannotOpen, NewerSchema, WrongSchema
from .sharing import Alone, Chore, Handover, Key, Line, Sharing, TakenOver, Turns, shard_of
from .shots import Shot, ShotClip
from .store import Store
from .takes import Take, Tally, ThreadOverview
from .terms import Premises, Terms
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
    "SQLITE",
    "UNANSWERED",
    "UNMADE",
    "UNRENDERED",
    "Admitted",
    "Alarm",
    "Alert",
    "AlertKind",
    "Alerts",
    "Alone",
    "Backlog",
    "Batches",
    "Bill",
    "Block",
    "Brief",
    "Budget",
    "By",
    "CannotOpen",
    "Change",
    "Changed",
    "ChangedBy",
    "Chore",
    "Copied",
    "Copy",
    "Damaged",
    "Defaults",
    "DiskTrouble",
    "Due",
    "Event",
    "Figures",
    "Files",
    "Flow",
    "Forgotten",
    "Found",
    "Grant",
    "Greeting",
    "Handover",
    "Hit",
    "Holder",
    "IllegalMove",
    "Incident",
    "Input",
    "Job",
    "Jobs",
    "Key",
    "Lane",
    "Limit",
    "Line",
    "LiveJobs",
    "Locked",
    "Lora",
    "Mark",
    "Mode",
    "Moderation",
    "Move",
    "NewerSchema",
    "NotThere",
    "Offer",
    "OrderDefaults",
    "Outbox",
    "OutboxEvent",
    "Parking",
    "Parkings",
    "Period",
    "Phase",
    "Ping",
    "Plan",
    "Policy",
    "Post",
    "Premises",
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
    "Restoration",
    "Restored",
    "Rule",
    "Schedule",
    "Sending",
    "Server",
    "ServerTrouble",
    "Servers",
    "Sharing",
    "Sheet",
    "Shot",
    "ShotClip",
    "Stale",
    "Standing",
    "State",
    "Store",
    "Suspense",
    "Take",
    "TakenOver",
    "Takes",
    "Tally",
    "Telling",
    "Terms",
    "Thread",
    "ThreadOverview",
    "Total",
    "Turns",
    "Undecided",
    "Use",
    "Waiting",
    "WaitingClips",
    "Wanted",
    "Whose",
    "WrongSchema",
    "copy_database",
    "look_into",
    "move_to_server",
    "open_store",
    "restore_database",
    "shard_of",
    "shareable",
    "teller",
]
