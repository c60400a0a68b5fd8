"""Orders, outcomes, crashes, grants, resets, blocks, clocks and restarts in any order whatever.

A plain model keeps its own books next to the database's. 3,000 steps are taken, and 20,000 in
`make prove`; every rule of the books is checked after each of them.

One file: the model and its steps are one state machine, a single class that Hypothesis runs.
"""

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage import (
    AT_WORK,
    ENDED,
    FINISHED,
    MOVES,
    PARKED,
    Admitted,
    By,
    Defaults,
    Job,
    Limit,
    Period,
    Refused,
    State,
    Whose,
    guilds,
    jobs,
    ledger,
)
from storage.checks import Seen, check, look
from storage.clock import Clock, advance, mark
from storage.defaults import Moment
from storage.opening import _open, migrations
from storage.periods import day_at, span, starts, zone_named
from storage.quota import admission, blocks, budget, grants, rules, standing
from storage.writer import _commit
from tests.rig.drafts import NEEDS, draft
from tests.rig.proving import Proof, scaled

pytestmark = pytest.mark.sqlite

STEPS = scaled(3_000, 20_000)
STEPS_PER_RUN = 100

ROLES = (91, 92)
DEFAULTS = Defaults(
    amount=12,
    period=Period.DAY,
    budget=45,
    budget_period=Period.DAY,
    budget_all=60,
    budget_all_period=Period.WEEK,
    zone="Asia/Kathmandu",  # 5:45 ahead
    jobs_per_user=6,
    jobs_per_server=9,
    per_minute=6,
    burst=8,
)
DAY = 86_400.0
TOO_DEAR = frozenset({Limit.QUOTA, Limit.BUDGET, Limit.ALL})
TAKEN = frozenset({State.RENDERING, State.FETCHING, State.DELIVERING})

Ask = tuple[int, int, frozenset[int], int]
# One draw for all of an order: server, person, roles, price. Mostly the same server and person,
# so that limits are met.
asks = st.sampled_from(
    list(
        itertools.product(
            (1, 1, 1, 2),
            (11, 11, 12),
            map(frozenset, ((), (91,), (92,), ROLES)),
            (*range(16), *range(5, 10)),
        )
    )
)
crashes = st.sampled_from([False, False, False, True])
amounts = st.none() | st.integers(0, 40)
periods = st.sampled_from(Period)
server_changes = st.fixed_dictionaries(
    {},
    optional={
        "zone": st.sampled_from(["UTC", "America/New_York", "Pacific/Apia", None]),
        "jobs_per_user": st.none() | st.integers(1, 9),
        "jobs_per_server": st.none() | st.integers(1, 9),
        "slow_lane": st.booleans(),
    },
)
Draw = Callable[[st.SearchStrategy[Any]], Any]

MODERATION = (
    *("grant",) * 6,
    *("set_rule", "set_server") * 3,
    *("reset", "unblock") * 2,
    *("resume",) * 4,
    *("block", "pause"),
)
MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
WAYS = (
    (*MADE, State.DONE),
    (*MADE, State.DONE),
    (*MADE, State.UNDELIVERED, State.DELIVERING, State.DONE),
    (State.SUBMITTING, State.FAILED),
    (State.SUBMITTING, State.UNCLEAR, State.CLOSED),
    (State.SUBMITTING, State.RENDERING, State.CANCELLED),
)


@dataclass
class Order:
    """What the model remembers of a job."""

    guild: int
    user: int
    price: int
    at: float
    day: date
    quota: int  #: of its price, not given back
    grants: dict[int, int]  #: the same, by grant
    state: State = State.QUEUED
    settled: bool = False
    spent: int = 0
    house: int = 0  #: lost or in suspense
    forgiven: bool = False  #: ordered before a reset
    attempt: int = 0
    taken: bool = False  #: the provider gave a number or a clip for this attempt
    billed: str = "no"
    thought: tuple[int, bool] = (0, True)  #: what its end cost the house, and whether that is known
    given_up: set[int] = field(default_factory=set)  #: attempts that may have cost the house


@dataclass
class Allowance:
    guild: int
    user: int
    left: int
    expires_at: float | None


@dataclass
class Books:
    """The model: everything is added up from scratch each time it is asked."""

    orders: dict[int, Order] = field(default_factory=dict)
    grants: dict[int, Allowance] = field(default_factory=dict)
    rules: dict[tuple[int, Whose, int], tuple[int | None, Period]] = field(default_factory=dict)
    servers: dict[int, dict[str, Any]] = field(default_factory=dict)
    blocks: dict[tuple[int, int], float | None] = field(default_factory=dict)
    paid_at: dict[tuple[int, int], float] = field(default_factory=dict)

    def setting(self, guild: int, name: str) -> Any:
        value = self.servers.get(guild, {}).get(name)
        return getattr(DEFAULTS, name, None) if value is None else value

    def today(self, guild: int, now: float) -> date:
        return day_at(now, zone_named(self.setting(guild, "zone")))

    def used(self, guild: int, user: int, first: date, after: date) -> int:
        return sum(
            each.quota
            for each in self.orders.values()
            if (each.guild, each.user) == (guild, user)
            and first <= each.day < after
            and not each.forgiven
        )

    def budget_used(self, guild: int, first: date, after: date) -> int:
        return sum(
            each.house + (each.spent if each.settled else each.price)
            for each in self.orders.values()
            if each.guild == guild and first <= each.day < after
        )

    def all_left(self, now: float) -> int:
        zone = zone_named(DEFAULTS.zone)
        begins = starts(span(DEFAULTS.budget_all_period, day_at(now, zone))[0], zone)
        used = sum(
            each.house + (each.spent if each.settled else each.price)
            for each in self.orders.values()
            if each.at >= begins
        )
        assert DEFAULTS.budget_all is not None
        return max(0, DEFAULTS.budget_all - used)

    def quotas(
        self, guild: int, user: int, held_roles: frozenset[int]
    ) -> list[tuple[int | None, Period]]:
        rules = [self.rules[key] for key in [(guild, Whose.USER, user)] if key in self.rules]
        rules = rules or [
            self.rules[guild, Whose.ROLE, role]
            for role in held_roles
            if (guild, Whose.ROLE, role) in self.rules
        ]
        return rules or [
            self.rules.get((guild, Whose.MEMBER, 0), (DEFAULTS.amount, DEFAULTS.period))
        ]

    def left(self, guild: int, user: int, held_roles: frozenset[int], now: float) -> int | None:
        lefts = []
        for amount, period in self.quotas(guild, user, held_roles):
            if amount is None:
                return None
            first, after = span(period, self.today(guild, now))
            lefts.append(max(0, amount - self.used(guild, user, first, after)))
        return max(lefts)

    def usable(self, guild: int, user: int, now: float) -> list[int]:
        found = [
            (each.expires_at is None, each.expires_at or 0, number)
            for number, each in self.grants.items()
            if (each.guild, each.user) == (guild, user)
            and (each.expires_at is None or each.expires_at > now)
        ]
        return [number for _, _, number in sorted(found)]

    def verdict(
        self, guild: int, user: int, held_roles: frozenset[int], price: int, now: float
    ) -> Limit | None:
        """Which limit must say no to an order."""
        if self.setting(guild, "paused") is not None:
            return Limit.PAUSED
        if (guild, user) in self.blocks:
            until = self.blocks[guild, user]
            if until is None or until > now:
                return Limit.BLOCKED
        if self.paid(guild, user, now) - (DEFAULTS.burst - 1) * 10 > now:
            return Limit.PACE
        at_work = [each for each in self.orders.values() if each.state in AT_WORK]
        at_work = [each for each in at_work if each.guild == guild]
        if len([each for each in at_work if each.user == user]) >= self.setting(
            guild, "jobs_per_user"
        ) or len(at_work) >= self.setting(guild, "jobs_per_server"):
            return Limit.JOBS
        left = self.left(guild, user, held_roles, now)
        granted = sum(self.grants[number].left for number in self.usable(guild, user, now))
        slow = self.setting(guild, "slow_lane") and any(
            amount for amount, _ in self.quotas(guild, user, held_roles)
        )  # a quota of nothing is not a quota that is spent
        if left is not None and price > left + granted and not slow:
            return Limit.QUOTA
        budget, period = self.rules.get(
            (guild, Whose.SERVER, 0), (DEFAULTS.budget, DEFAULTS.budget_period)
        )
        first, after = span(period, self.today(guild, now))
        if (
            budget is not None
            and self.setting(guild, "budget_open") != first.isoformat()
            and price > max(0, budget - self.budget_used(guild, first, after))
        ):
            return Limit.BUDGET
        if price > self.all_left(now):
            return Limit.ALL
        return None

    def paid(self, guild: int, user: int, now: float) -> float:
        return max(now, self.paid_at.get((guild, user), now))

    def take(
        self, number: int, guild: int, user: int, held_roles: frozenset[int], price: int, now: float
    ) -> None:
        left = self.left(guild, user, held_roles, now)
        granted = sum(self.grants[grant].left for grant in self.usable(guild, user, now))
        quota, missing = price, 0
        if left is not None:
            quota = min(price, left)
            missing = price - quota
            if price > left + granted:  # the slow lane is free
                quota, missing = 0, 0
        grants = {}
        for grant in self.usable(guild, user, now):
            part = min(missing, self.grants[grant].left)
            if part:
                grants[grant] = part
                self.grants[grant].left -= part
                missing -= part
        assert missing == 0
        self.orders[number] = Order(
            guild, user, price, now, self.today(guild, now), quota=quota, grants=grants
        )
        self.paid_at[guild, user] = self.paid(guild, user, now) + 10

    def move(self, order: Order, state: State, billed: str) -> None:
        if order.state in PARKED and state is State.QUEUED:
            costs = order.taken or order.billed != "no"
            if order.attempt and costs and order.attempt not in order.given_up:
                order.house += order.price
                order.given_up.add(order.attempt)
        if state is State.SUBMITTING:
            order.attempt += 1
        if state in TAKEN:
            order.taken = True
        order.taken = order.taken and state is not State.QUEUED
        order.billed = "no" if state is State.QUEUED else billed
        order.state = state

    def came_late(self, order: Order, credits: int | None) -> None:
        """What was given up and came is billed; whatever was thought before."""
        cost = order.price if credits is None else credits
        thought, known = order.thought
        order.house += cost - thought if thought and not known else max(0, cost - thought)

    def settle(self, order: Order, billed: str, credits: int | None) -> None:
        if order.settled:
            return
        order.settled = True
        cost = order.price if credits is None else credits
        pays = 0
        if order.state in FINISHED or (order.state is State.CANCELLED and billed == "yes"):
            pays = min(cost, order.price)
            order.house += cost - pays
        elif billed == "unknown":
            order.house += order.price
            order.thought = order.price, False
        elif billed == "yes":
            order.house += cost
            order.thought = cost, True
        order.spent, left = pays, pays
        kept = min(order.quota, left)
        order.quota, left = kept, left - kept
        for grant, part in order.grants.items():
            kept = min(part, left)
            left -= kept
            self.grants[grant].left += part - kept
            order.grants[grant] = kept


class Bank(RuleBasedStateMachine):
    """The database beside the model."""

    template: bytes = b""  #: an empty database, made once
    checked = 0  #: steps after which all rules of the books held, of all runs

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bank-"))
        if not Bank.template:
            _open(self.folder / "empty.db", migrations(), whole=True).close()
            Bank.template = (self.folder / "empty.db").read_bytes()
        (self.folder / "bank.db").write_bytes(Bank.template)
        self.wall, self.ticks = 1_800_000_000.0, 5.0
        self.books = Books()
        self.requests = 0
        self.touched: set[int] = set()  #: jobs of the last step
        self.latest = 0.0
        self.seen = Seen()
        self.marked: float | None = None  #: the highest moment that a write has seen
        self.connect()

    def connect(self) -> None:
        self.db = _open(self.folder / "bank.db", migrations(), whole=True)
        self.db.execute("PRAGMA synchronous = OFF")  # no power cut is played here
        self.clock = Clock(mark(self.db), wall=lambda: self.wall, ticks=lambda: self.ticks)
        self.latest = 0.0 if self.marked is None else self.marked

    def teardown(self) -> None:
        self.db.close()
        shutil.rmtree(self.folder)

    def write(self, act: Callable[[sqlite3.Connection, Moment], Any]) -> Any:
        now = self.now()
        self.marked = now
        [outcome], _ = _commit(self.db, [lambda db: act(db, self.at(advance(db, now)))], None)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def now(self) -> float:
        now = self.clock.now()
        assert now >= self.latest
        self.latest = now
        return now

    def at(self, now: float) -> Moment:
        return Moment(now=now, defaults=DEFAULTS)

    def by(self, guild: int) -> By:
        return By(guild_id=guild, actor_id=1, why="because")

    # Orders and what becomes of them. Hypothesis leaves out some rules in some runs, so other
    # rules order, too.

    @rule(asked=st.lists(asks, min_size=1, max_size=3), crashes=crashes)
    def order(self, asked: list[Ask], crashes: bool) -> None:
        for each in asked[:-1]:
            self.place(*each)
        self.place(*asked[-1], crashes=crashes)

    def place(
        self, guild: int, user: int, held: frozenset[int], price: int, *, crashes: bool = False
    ) -> None:
        self.requests += 1
        now = self.now()
        asked = draft(self.requests, guild_id=guild, user_id=user, price=price)
        expected = self.books.verdict(guild, user, held, price, now)
        if crashes:  # in the middle of it, before the commit
            self.db.execute("BEGIN IMMEDIATE")
            admission.admit_all(self.db, self.at(now), [asked], roles=held)
            self.restart()
            return
        answer = self.write(lambda db, at: admission.admit_all(db, at, [asked], roles=held))
        if isinstance(answer, Refused):
            assert answer.limit is expected
            assert answer.frees_at is None or answer.frees_at > now
            assert answer.would_fit < price or expected not in TOO_DEAR
            return
        assert isinstance(answer, Admitted)
        assert expected is None
        self.touched.add(answer.job.id)
        self.books.take(answer.job.id, guild, user, held, price, now)
        fresh = standing.standing(self.db, self.at(now), guild_id=guild, user_id=user, roles=held)
        said = answer.standing
        assert said is not None
        assert (said.granted, said.running) == (fresh.granted, fresh.running)
        assert said.all_left == fresh.all_left == self.books.all_left(now)
        assert (said.budget_used, said.budget_left) == (fresh.budget_used, fresh.budget_left)
        if said.rule == fresh.rule:  # after an order another role's may leave more
            assert (said.used, said.left) == (fresh.used, fresh.left)
        if answer.job.id % 4 == 0:
            again = self.write(lambda db, at: admission.admit_all(db, at, [asked], roles=held))
            assert (again.job, again.created) == (answer.job, False)

    def movable(self) -> list[int]:
        return [n for n, each in self.books.orders.items() if MOVES[each.state]]

    @precondition(lambda self: self.movable())
    @rule(
        data=st.data(),
        billed=st.sampled_from(["no", "yes", "unknown"]),
        credits=st.none() | st.integers(0, 20),
        crashes=crashes,
    )
    def move(self, data: st.DataObject, billed: str, credits: int | None, crashes: bool) -> None:
        number = data.draw(st.sampled_from(self.movable()))
        order = self.books.orders[number]
        ways = set(MOVES[order.state])
        if order.state is State.EXPIRED and not order.taken:
            ways.discard(State.FETCHING)  # nobody can finish what nobody took
        if not ways:
            return
        state = data.draw(st.sampled_from(sorted(ways)))
        if not crashes:
            self.go(number, state, billed, credits)
            return
        self.db.execute("BEGIN IMMEDIATE")
        jobs.save(self.db, self.moved(number, state, billed), credits=credits)
        self.restart()

    def moved(self, number: int, state: State, billed: str) -> Job:
        job = jobs.get(self.db, number)
        assert job is not None
        needs = {**NEEDS[state], "billed": billed}
        if state is State.SUBMITTING:
            needs["attempt"] = job.attempt + 1
        if state in TAKEN:
            needs["remote_id"] = f"r-{number}"
        if state is State.QUEUED:  # as a moderator's retry does
            needs |= {"billed": "no", "remote_id": None, "result_url": None, "file": None}
        return job.to(state, now=self.now(), **needs)

    def go(self, number: int, state: State, billed: str, credits: int | None) -> None:
        order, moved = self.books.orders[number], self.moved(number, state, billed)
        before = order.state
        saved = self.write(lambda db, now: jobs.save(db, moved, credits=credits))
        assert saved.state is state
        self.touched.add(number)
        self.books.move(order, state, billed)
        if before is State.EXPIRED and state is State.FETCHING:
            self.books.came_late(order, credits)
        if state in ENDED:
            self.books.settle(order, billed, credits)

    @precondition(lambda self: self.books.orders)
    @rule(
        count=st.integers(1, 5),
        ways=st.sampled_from(WAYS),
        billed=st.sampled_from(["yes", "no"]),
        credits=st.none() | st.integers(0, 20),
    )
    def finish(self, count: int, ways: tuple[State, ...], billed: str, credits: int | None) -> None:
        """Most jobs come to an end, most of them to a good one."""
        waiting = [n for n, each in self.books.orders.items() if each.state is State.QUEUED]
        for number in waiting[:count]:
            for state in ways:
                self.go(number, state, billed, credits)

    # What moderators do.

    @rule(data=st.data(), what=st.sampled_from(MODERATION), ask=asks)
    def moderate(self, data: st.DataObject, what: str, ask: Ask) -> None:
        getattr(self, what)(data.draw, *ask[:2])
        self.place(*ask)

    def grant(self, draw: Draw, guild: int, user: int) -> None:
        amount, lasts = draw(st.integers(1, 20)), draw(st.none() | st.floats(1, 9e5))
        expires_at = None if lasts is None else self.now() + lasts
        made = self.write(
            lambda db, at: grants.grant(db, at, self.by(guild), user, amount, lasts=lasts)
        )
        assert made.expires_at == expires_at
        self.books.grants[made.id] = Allowance(guild, user, amount, expires_at)

    def reset(self, _: Draw, guild: int, user: int) -> None:
        now = self.now()
        self.write(lambda db, at: grants.reset(db, at, self.by(guild), user))
        today = self.books.today(guild, now)
        first = min(span(period, today)[0] for period in Period)
        for order in self.books.orders.values():
            if (order.guild, order.user) == (guild, user) and order.day >= first:
                order.forgiven = True
        assert self.books.used(guild, user, *span(Period.MONTH, today)) == 0

    def block(self, draw: Draw, guild: int, user: int) -> None:
        lasts = draw(st.none() | st.floats(1, 9e5))
        until = None if lasts is None else self.now() + lasts
        self.write(lambda db, at: blocks.block(db, at, self.by(guild), user, lasts=lasts))
        self.books.blocks[guild, user] = until

    def unblock(self, _: Draw, guild: int, user: int) -> None:
        was = self.write(lambda db, at: blocks.unblock(db, at, self.by(guild), user))
        assert was is ((guild, user) in self.books.blocks)
        self.books.blocks.pop((guild, user), None)

    def set_rule(self, draw: Draw, guild: int, user: int) -> None:
        whose = draw(st.sampled_from([Whose.MEMBER, Whose.SERVER, Whose.ROLE, Whose.USER]))
        role = draw(st.sampled_from(ROLES))
        target = {Whose.ROLE: role, Whose.USER: user}.get(whose, 0)
        value = draw(st.none() | st.tuples(amounts, periods))
        whom = {Whose.ROLE: {"role_id": role}, Whose.USER: {"user_id": user}}.get(whose, {})
        if value is None:
            had = self.books.rules.pop((guild, whose, target), None) is not None
            assert had is self.write(
                lambda db, at: rules.remove_rule(db, at, self.by(guild), whose, **whom)
            )
        else:
            self.books.rules[guild, whose, target] = value
            self.write(lambda db, at: rules.set_rule(db, at, self.by(guild), whose, *value, **whom))

    def set_server(self, draw: Draw, guild: int, _: int) -> None:
        self.change(guild, draw(server_changes))

    def pause(self, _: Draw, guild: int, __: int) -> None:
        self.change(guild, {"paused": "lunch"})

    def resume(self, _: Draw, guild: int, __: int) -> None:
        server = self.write(lambda db, at: budget.resume(db, at, self.by(guild)))
        self.books.servers.setdefault(guild, {})["paused"] = None
        self.books.servers[guild]["budget_open"] = server.budget_open

    def change(self, guild: int, changes: dict[str, Any]) -> None:
        self.write(lambda db, at: guilds.set_server(db, at, self.by(guild), **changes))
        self.books.servers.setdefault(guild, {}).update(changes)

    # Time.

    @rule(
        seconds=st.sampled_from([1.0, 11.0, 60.0, 600.0, 3600.0, DAY, 8 * DAY]),
        jump=st.sampled_from([0, 0, 0, -3650, -30, -1, -0.1, 0.1, 1, 30, 3650]),
        restarts=crashes,
        ask=asks,
    )
    def time_passes(self, seconds: float, jump: float, restarts: bool, ask: Ask) -> None:
        """And sometimes somebody sets the wall clock, by so many days."""
        self.ticks += seconds
        before = self.clock.now()
        self.wall = max(0.0, self.wall + seconds + jump * DAY)
        assert self.clock.now() == before
        if restarts:
            self.restart()
        self.place(*ask)

    def restart(self) -> None:
        self.db.close()  # an open transaction is gone, as with a crash
        self.ticks = 0.0  # the machine was started anew
        self.connect()
        if self.marked is not None:
            assert self.marked <= self.now() <= self.marked + 30 * DAY

    # What must always hold.

    @initialize()
    def begin(self) -> None:
        assert check(self.db) == []

    @invariant()
    def the_books_are_in_order(self) -> None:
        found, self.seen = look(self.db, self.seen)
        assert found == []
        if self.requests % 5 == 0:
            assert check(self.db) == []
        Bank.checked += 1

    @invariant()
    def the_books_are_the_models(self) -> None:
        for number in self.touched:
            order, bill = self.books.orders[number], ledger.bill(self.db, number)
            assert bill is not None
            assert (bill.reserved, bill.spent) == (order.price, order.spent)
            assert (bill.settled, bill.lost + bill.suspense) == (order.settled, order.house)
            assert bill.held == (0 if order.settled else order.price)
            assert 0 <= bill.spent <= order.price
        self.touched.clear()
        rows = self.db.execute("SELECT name, balance FROM account WHERE name GLOB 'grant:*'")
        assert dict(rows.fetchall()) == {
            f"grant:{number}": each.left for number, each in self.books.grants.items()
        }


@pytest.mark.prove
def test_the_books_are_the_models_whatever_happens_in_whatever_order(proof: Proof) -> None:
    Bank.checked = 0
    run_state_machine_as_test(
        Bank,
        settings=settings(
            max_examples=STEPS // STEPS_PER_RUN,
            stateful_step_count=STEPS_PER_RUN,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    proof.tried(Bank.checked, "steps, all rules of the books checked after each", usual=3_000)
