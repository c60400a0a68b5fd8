"""Whatever people and providers write: nobody is pinged but whose clip it is, and no message is
too long for Discord."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat import card
from bot.errors import Failure, Refusal
from bot.progress import Progress
from bot.words.endings import ending
from bot.words.text import clean, inert
from playground import File
from storage import State
from tests.fire.hostile_texts import HOSTILE, texts
from tests.fire.listening import Listening, message_in
from tests.rig.drafts import NEEDS, draft
from tests.rig.house import until, working
from tests.rig.proving import scaled

CASES = scaled(100, 10_000)
PLENTY = {"dailies_jobs_per_user": 1000, "dailies_orders_per_minute": 10_000}
#: What of a text would ping somebody, or lead somewhere, were it not made inert.
_PINGS = re.compile(r"@(everyone|here)|(?<!\\)<@[!&]?\d+>")


def pinged(message):
    """Whom a message may ping."""
    allowed = message.get("allowed_mentions")
    assert allowed is not None, "Discord's default pings whomever a text names"
    assert not allowed.get("parse"), allowed
    assert not allowed.get("roles"), allowed
    return [int(each) for each in allowed.get("users", ())]


async def test_no_message_can_ping_anybody_but_its_requester(playground, tmp_path, mira, plain):
    role = playground.world.create_role(playground.guild.id, "Bots")
    playground.world.set_permissions("videos", role, allow=["mention_everyone"])
    async with (
        Listening(playground).running() as wire,
        working(wire, tmp_path, providers={"plain": plain}, **PLENTY) as house,
    ):
        for number, text in enumerate(HOSTILE, 1):
            if number % 4 == 0:  # a provider's own words are shown, too
                plain.polls.append(Refusal(text, failure=Failure.CONTENT, billed=False))
            await (await mira.type("/video text", prompt=text[:2000])).answered
        await until(lambda: ended(house, len(HOSTILE)))
        await (await mira.type("/video queue")).answered
    assert len(wire.said) > 3 * len(HOSTILE)
    named = set()
    for _, path, told in wire.said:
        if (message := message_in(told)) is not None and not path.endswith("/threads"):
            named.update(pinged(message))
    assert named == {mira.id}, "and the one whose clip it is was told"
    shown = [each for each in mira.everything() if each.raw["author"]["id"] != str(mira.id)]
    assert not any(each.raw["mention_everyone"] or each.raw["mention_roles"] for each in shown)


async def ended(house, count):
    jobs = await house.store.jobs.newest()
    ends = {State.DONE, State.FAILED}
    return len(jobs) == count and all(each.state in ends and not each.due_at for each in jobs)


states = st.sampled_from(list(State))


@st.composite
def jobs(draw):
    """A job in any state, all of whose words somebody else wrote."""
    state = draw(states)
    job = draft(1, brief=draft().brief.but(prompt=clean(draw(texts))[:5000]))
    needs = {name: each for name, each in NEEDS[state].items() if name != "error"}
    words = {"error": draw(st.none() | texts), "note": draw(st.none() | texts)}
    return replace(job, id=1, state=state, **{**needs, **words})


@pytest.mark.prove
def test_no_text_breaks_a_card_or_an_ending(proof):
    tried = 0

    @settings(max_examples=CASES)
    @given(job=jobs(), title=texts, says=texts)
    def fits(job, title, says):
        nonlocal tried
        tried += 1
        view = card.card(
            job, Progress(says=says), title=title, bill=None, now=1001.0,
            usd_per_credit=Decimal("0.01"), cancels=True,
        )  # fmt: skip
        written = _texts(view.to_components())
        assert sum(len(each) for each in written) <= 4000
        assert not _PINGS.search(_but_own("".join(written), job.user_id))
        sentence = ending(job, bill=None, usd_per_credit=Decimal("0.01"))
        assert not _PINGS.search(_but_own(sentence, job.user_id))

    fits()
    proof.tried(tried, "jobs with hostile texts", usual=100, independent=True)


def _but_own(text, user_id):
    """*text* without the mention that is ours."""
    return text.replace(f"<@{user_id}>", "")


def _texts(components):
    """What a layout's components say."""
    found = []
    for each in components:
        if isinstance(each.get("content"), str):
            found.append(each["content"])
        found += _texts(each.get("components", ()))
        if isinstance(each.get("accessory"), dict):
            found += _texts([each["accessory"]])
    return found


@given(texts)
def test_what_is_inert_pings_nobody(text):
    assert not _PINGS.search(inert(text))


NAMES = ("../../etc/passwd", "a\r\nX: y.png", "CON", "x" * 200 + ".png", "\u202egnp.exe")


@pytest.mark.long
async def test_a_files_name_goes_nowhere(playground, mira, tmp_path, plain, media):
    picture = media.picture.read_bytes()
    here = frozenset({playground.api_url.split("/")[2]})
    async with working(
        playground, tmp_path, providers={"plain": plain}, loopback=here, **PLENTY
    ) as house:
        for name in NAMES:
            asked = await mira.type("/video image", prompt="it moves", image=File(name, picture))
            await asked.answered
        await until(lambda: ended(house, len(NAMES)))
        inputs = [job.brief.image.file for job in await house.store.jobs.newest()]
    assert all(re.fullmatch(r"inputs/[\w-]+\.png", each) for each in inputs)
    assert {each.name for each in tmp_path.rglob("*")} & {"passwd", "CON", "gnp.exe"} == set()
    said = "".join(each.text for each in mira.everything())
    assert "passwd" not in said and "xxxx" not in said
