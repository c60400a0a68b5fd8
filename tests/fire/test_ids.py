"""What is pressed or sent off may say anything: an id that was damaged, made up, or names what is
somebody else's. It is answered in words, touches nothing of others, and pings nobody.

Names of servers, roles and members are as hostile, and stand in what moderators are told.
"""

import asyncio
import contextlib
import csv
import io
import itertools
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from simcord.enums import InteractionType

from bot.errors import Unclear
from bot.words.csv_table import as_csv
from bot.words.text import inert, one_line
from cogs._forms import FORMS
from cogs._pressing import VERBS
from playground import open_playground
from storage import State
from tests.fire.hostile_texts import HOSTILE, texts
from tests.fire.listening import Listening, message_in
from tests.fire.test_texts import _PINGS, pinged
from tests.rig.doubles import Held
from tests.rig.house import PACE, until, working
from tests.rig.imitated import UNLIMITED
from tests.rig.makers import PLAIN, Maker
from tests.rig.proving import scaled

SOON = 20  #: seconds after which nobody will answer: a wrong one is told, and not made smaller
HIDDEN, SEEN = 1, 6  #: clips of Mira's: the one Jonas cannot see, and one under way that he can
MODAL = 9  #: an answer that is a form, which pings nobody
CASES = scaled(100, 5_000)  #: with those of forms and of moderators, twice as many
OF_MODERATORS, FORMS_EACH = CASES * 2 // 5, CASES * 3 // 10
#: What no press of one person may change of another, or of the server.
OTHERS = (
    "SELECT * FROM job WHERE user_id = :mira",
    "SELECT event.* FROM event JOIN job ON job.id = job_id WHERE user_id = :mira",
    "SELECT txn.* FROM txn JOIN job ON job.id = job_id WHERE user_id = :mira",
    "SELECT take.* FROM take JOIN job ON job.id = job_id WHERE user_id = :mira",
    "SELECT shot_clip.* FROM shot_clip JOIN job ON job.id = job_id WHERE user_id = :mira",
    *(
        f"SELECT * FROM {table} WHERE user_id = :mira"  # fixed names
        for table in (
            *("allowance", "block", "preset", "favourite", "sign_off", "reaction", "removal"),
            *("ping", "prompt_draft", "prompt_consent", "reel"),
        )
    ),
    *(f"SELECT * FROM {table}" for table in ("server", "rule", "prompt_rule", "audit", "shot")),
    "SELECT * FROM order_default WHERE target = :mira",
)

_numbers = st.one_of(
    st.integers(-2, 9).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "0", "01", "1.0", "1e3", "١", "１", "²", " 1", "1 ", "+1", "0x1", "null"]),
)
_abouts = st.one_of(
    _numbers,
    st.lists(_numbers, min_size=2, max_size=4).map(":".join),
    st.sampled_from(HOSTILE),
    st.text(max_size=90),
    st.sampled_from(["word", "pattern", "channels", "moderators", "next", "prev", "image", "new"]),
)
values = st.lists(_numbers | st.text(max_size=100), max_size=3)


def ids(prefix, names):
    """Ids of ours with anything behind them, and what only begins like one."""
    known = st.builds(lambda name, about: f"{prefix}:{name}:{about}", names, _abouts)
    odd = st.builds(lambda name: f"{prefix}:{name}", names | st.text(max_size=20))
    return (known | known | known | odd).map(lambda each: each[:100])  # Discord's most


class Desk:
    """The whole bot; clips of Mira's, seen and unseen by Jonas, who presses."""

    def __init__(self, loop):
        self.loop = loop
        self._open = contextlib.AsyncExitStack()
        self.bugs = []

    async def begin(self, folder):
        enter = self._open.enter_async_context
        self.playground = await enter(open_playground(rate_windows=PACE))
        world, person = self.playground.world, self.playground.person
        self.mira, self.jonas, self.ada = person("mira"), person("jonas"), person("ada")
        # Each may be told of a clip of their own, whenever it comes.
        self.people = {each.id for each in (self.mira, self.jonas, self.ada)}
        self.wire = await enter(Listening(self.playground).running())
        plain, held = Maker("plain", PLAIN), Held()
        self.house = await enter(
            working(self.wire, folder, providers={"plain": plain, "held": held}, **UNLIMITED)
        )
        hidden = world.add_channel("hidden", only=[self.mira.id])
        self.mira.go(hidden.id)
        await self._ordered({"provider": "plain"}, State.DONE)
        plain.submits.append(Unclear("Its answer was lost."))
        await self._ordered({"provider": "plain"}, State.UNCLEAR)
        await self._ordered({"provider": "plain", "takes": 2}, State.DONE)
        self.mira.go("videos")
        await self._ordered({"provider": "plain"}, State.DONE)
        await self._ordered({"provider": "held"}, State.RENDERING)
        sent = await self.house.bot.get_partial_messageable(
            int(self.playground.channel("videos").id)
        ).send("A message of ours")
        self.message = await until(lambda: self.jonas.message(sent.id, sent.channel.id))
        self.handler = logging.Handler(logging.ERROR)
        self.handler.emit = self.bugs.append
        logging.getLogger().addHandler(self.handler)

    async def _ordered(self, options, state):
        asked = await self.mira.type("/video text", prompt="a fox", **options)
        await asked.answered

        async def there():
            jobs = await self.house.store.jobs.newest()
            wanted = jobs[: options.get("takes", 1)]
            return len(wanted) and all(
                job.state is state and job.brief.prompt == "a fox" for job in wanted
            )

        await until(there)

    async def end(self):
        logging.getLogger().removeHandler(self.handler)
        await self._open.aclose()

    async def others(self):
        def read(db):
            return [
                [tuple(row) for row in db.execute(query, {"mira": self.mira.id})]
                for query in OTHERS
            ]

        return await self.house.store.writer.read(read)

    async def pressed(self, who, data, kind=InteractionType.MESSAGE_COMPONENT):
        """Send that as *who*, and look at all that came of it."""
        self.wire.said.clear()
        self.bugs.clear()
        before = await self.others()
        channel = self.playground.world.get_channel(self.message.channel_id)
        item = {"type": data.get("component_type", 2), "custom_id": data["custom_id"], "style": 2}
        item |= {"label": "Press"} if item["type"] == 2 else {"options": []}
        raw = self.message.raw | {"components": [{"type": 1, "components": [item]}]}
        about = replace(self.message, raw=raw)  # discord.py looks for it there
        with self.playground.clock.stopped():
            asked = who._interact(kind, channel, data, nonce=None, about=about)
            await until(lambda: asked.state != "waiting", SOON)
        await until(lambda: asked.message is None or not asked.message.loading, SOON)
        assert [each for each in self.bugs if each.exc_info] == [], self.bugs
        assert asked.state in ("answered", "modal"), asked.state
        if asked.message is not None and asked.modal is None:
            said = asked.message.text
            assert "broke on our side" not in said and "Traceback" not in said, said
        for _, path, told in self.wire.said:
            message = None if told.get("type") == MODAL else message_in(told)
            if message is not None and not path.endswith("/threads"):
                assert set(pinged(message)) <= self.people
        if who is not self.ada:  # who may decide for others
            assert await self.others() == before, "nothing of others is touched"


@pytest.fixture(scope="module")
def desk():
    """One for the file: those who may decide for others come last."""
    with asyncio.Runner() as loop, tempfile.TemporaryDirectory() as folder:
        desk = Desk(loop)
        try:
            loop.run(desk.begin(Path(folder)))
            yield desk
        finally:
            loop.run(desk.end())


def everything(desk, who, cases):
    """Press *cases* made-up ids as *who*; how many were pressed."""
    tried = 0

    @settings(max_examples=cases, phases=[Phase.generate])
    @given(
        custom_id=ids("do", st.sampled_from(sorted(VERBS))),
        kind=st.sampled_from([2, 3, 5, 6, 8]),
        picked=values,
    )
    def answered(custom_id, kind, picked):
        nonlocal tried
        tried += 1
        data = {"custom_id": custom_id, "component_type": kind}
        desk.loop.run(desk.pressed(who, data | ({"values": picked} if kind != 2 else {})))

    answered()
    return tried


@pytest.mark.prove
def test_no_custom_id_does_anything_to_others(desk, proof):
    assert len(VERBS) > 50
    for verb, clip in itertools.product(sorted(VERBS), (HIDDEN, SEEN)):
        data = {"custom_id": f"do:{verb}:{clip}", "component_type": 2}
        desk.loop.run(desk.pressed(desk.jonas, data))
    tried = everything(desk, desk.jonas, CASES)
    proof.tried(tried, "custom ids of buttons and menus", usual=100, independent=True)


FIELDS = st.dictionaries(
    st.sampled_from(
        [
            *("prompt", "why", "amount", "zone", "credits", "duration", "period", "seconds"),
            *("from", "to", "resolution", "aspect", "replace", "direction", "link", "text"),
        ]
    )
    | st.text(min_size=1, max_size=20),
    texts.map(lambda text: text[:4000]),
    max_size=4,
)


MENUS = ("aspect", "direction", "duration", "period", "resolution")  #: fields with fixed choices


def every_form(desk, who, cases):
    """Send off *cases* made-up forms as *who*; how many were sent."""
    tried = 0

    def send(custom_id, fields):
        nonlocal tried
        tried += 1
        parts = [
            {"type": 18, "component": {"type": 4, "custom_id": name, "value": value}}
            for name, value in fields.items()
        ]
        data = {"custom_id": custom_id, "components": parts}
        desk.loop.run(desk.pressed(who, data, InteractionType.MODAL_SUBMIT))

    # Dice seldom fill in a field of the very form that has it: each with no word of its menu first.
    for form, field in itertools.product(sorted(FORMS), MENUS):
        send(f"form:{form}", {"prompt": "a fox", "amount": "5", field: "no such choice"})
    settings(max_examples=cases, phases=[Phase.generate])(
        given(custom_id=ids("form", st.sampled_from(sorted(FORMS))), fields=FIELDS)(send)
    )()
    return tried


@pytest.mark.prove
def test_no_form_does_anything_to_others(desk, proof):
    tried = every_form(desk, desk.jonas, FORMS_EACH)
    proof.tried(tried, "forms with made-up ids and fields", usual=30, independent=True)


@pytest.mark.prove
def test_no_name_becomes_a_formula_or_a_line_of_its_own(proof):
    tried = 0

    @settings(max_examples=CASES)
    @given(name=texts | st.sampled_from(HOSTILE))
    def stays(name):
        nonlocal tried
        tried += 1
        [_, row] = csv.reader(io.StringIO(as_csv([{"name": name}]).decode("utf-8-sig")))
        assert row[0].lstrip()[:1] not in set("=+-@|%")
        assert "\n" not in one_line(name) and "\r" not in one_line(name)
        assert not _PINGS.search(inert(one_line(name)))

    stays()
    proof.tried(tried, "hostile names", usual=100, independent=True)


def test_names_of_servers_channels_roles_and_members_ping_nobody(desk):
    """A server, its channels, a role and a member are named so while moderators are told of them;
    the member orders, and the report names who spent."""

    async def named():
        world, guild = desk.playground.world, desk.playground.guild
        ada, wire = desk.ada, desk.wire
        wire.said.clear()
        desk.bugs.clear()
        for name in HOSTILE:
            world.edit_guild(guild.id, {"name": name.strip()[:100]})
            world.edit_member(guild.id, desk.mira.id, {"nick": name.strip()[:32]})
            world.edit_channel(desk.message.channel_id, {"name": name.strip()[:100]})
            role = world.create_role(guild.id, name.strip()[:100])
            world.edit_role(guild.id, role.id, {"name": name.strip()[:90] + "!"})
            ada.go(desk.message.channel_id)
            for command in ("/quota report", "/video queue", "/studio setup"):
                with desk.playground.clock.stopped():
                    asked = await ada.type(command)
                    await until(lambda asked=asked: asked.state != "waiting")
        assert len(wire.said) > 2 * len(HOSTILE)
        for _, path, told in wire.said:
            if (message := message_in(told)) is not None and not path.endswith("/threads"):
                assert set(pinged(message)) <= desk.people
        assert [each for each in desk.bugs if each.exc_info] == []

    desk.loop.run(named())


@pytest.mark.prove
def test_no_custom_id_of_a_moderators_is_a_bug(desk, proof):
    tried = everything(desk, desk.ada, OF_MODERATORS)
    proof.tried(tried, "custom ids pressed by a moderator", usual=40, independent=True)


@pytest.mark.long
@pytest.mark.prove
def test_no_form_of_a_moderators_is_a_bug(desk, proof):
    tried = every_form(desk, desk.ada, FORMS_EACH)
    proof.tried(tried, "forms sent off by a moderator", usual=30, independent=True)
