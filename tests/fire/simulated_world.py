"""What the simulation has around the bot, which outlives each of its lives: companies, a Discord,
the time, and the dice that say what goes wrong."""

import asyncio
import math
import random
from collections import Counter
from dataclasses import dataclass

EPOCH = 1_700_000_000.0


@dataclass
class Task:
    """A clip that a company makes, and bills."""

    id: str
    job: int
    attempt: str
    ready_at: float
    fate: str  #: made, failed, billed (and failed), lost, or never
    stopped: bool = False


class Company:
    """Makes clips for whoever orders them: what it took counts as paid."""

    def __init__(self, world, name, *, announces=True, keyed=False, direct=False, cancels=False):
        self.world, self.name = world, name
        self.announces = announces  #: says when an order leaves
        self.keyed = keyed  #: the same attempt is one clip
        self.direct = direct  #: answers with the clip itself
        self.cancels = cancels
        self.tasks = {}

    def take(self, order):
        """The task of *order*, new unless its attempt is known by a key."""
        known = [each for each in self.tasks.values() if each.attempt == order.attempt]
        if self.keyed and known:
            return known[0]
        dice = self.world.dice
        fate = dice.choices(
            ["made", "failed", "billed", "lost", "never", "late"], [80, 5, 5, 3, 3, 4]
        )[0]
        took = dice.uniform(320, 1800) if fate == "late" else dice.uniform(1, 120)
        task = Task(
            id=f"{self.name}-{len(self.tasks) + 1}", job=order.job, attempt=order.attempt,
            ready_at=self.world.now() + took, fate=fate,
        )  # fmt: skip
        self.tasks[task.id] = task
        self.world.note(f"{self.name} takes job {order.job}: {task.id}, {fate}")
        return task


class Discord:
    """Keeps what was posted. It takes a second copy as gladly as the first."""

    def __init__(self, world):
        self.world = world
        self.posts = []  #: what each is about, and what it carries

    def post(self, about, carries=None):
        self.posts.append((about, carries))
        self.world.note(f"posted {about}")
        return len(self.posts)

    def find(self, about):
        """The id of the first post about that; None where there is none."""
        return next((n for n, (each, _) in enumerate(self.posts, 1) if each == about), None)


class World:
    """Everything outside of the bot, and the dice. *seed* says all that will happen."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.trace = []
        self.calm = False  #: nothing fails any more
        self.asleep = 0.0  #: seconds that the machine slept: its ticks went on, its programs not
        self.companies = [
            Company(self, "plain", cancels=True),
            Company(self, "keyed", keyed=True),
            Company(self, "quiet", announces=False),
            Company(self, "direct", announces=False, direct=True),
        ]
        self.discord = Discord(self)
        self.crashes = 0
        self.faults = Counter()

    def ticks(self):
        """The machine's ticks, in steps that sums of them do not round."""
        return math.floor((asyncio.get_running_loop().time() + self.asleep) * 1024) / 1024

    def now(self):
        """The wall clock."""
        return EPOCH + self.ticks()

    def note(self, what):
        self.trace.append(f"{self.ticks():.6f} {what}")

    def fault(self, *kinds, share=0.18):
        """One of *kinds*, or mostly None: nothing fails."""
        if self.calm or self.dice.random() >= share:
            return None
        kind = self.dice.choice(kinds)
        self.faults[kind] += 1
        self.note(f"fault: {kind}")
        return kind
