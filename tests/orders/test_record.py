"""What is done to somebody else's is on record: with the deed, or not at all."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from storage import Brief, By, Defaults, Mode, Offer, Preset, RefusedOrder, State, open_store
from tests.rig.databases import fresh
from tests.rig.drafts import advance, draft
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered, pressed, said
from tests.rig.taking import done, first_clip

BY = By(guild_id=10, actor_id=1, why="because")
WAY = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
OFFER = Offer(provider="p", model="m", brief=Brief(prompt="a fox", duration=8), price=8)
PRESET = Preset(
    guild_id=10,
    user_id=0,
    name="Quiet One",
    provider="p",
    model="m",
    brief=Brief(mode=Mode.TEXT, duration=2),
    at=1.0,
)


@pytest.fixture
async def store(tmp_path):
    free = Defaults(amount=None, budget=8, jobs_per_user=None, per_minute=None)
    async with open_store(fresh(tmp_path), defaults=free) as store:
        yield store


async def _ended(store):
    """Clip 1, done, with its take."""
    job = (await store.policy.admit(draft(1), roles=())).job
    job = await advance(store.jobs, job, *WAY)
    await store.takes.number(job, 20)
    return job


async def _asked(store, why):
    """A refused order that moderators were asked about."""
    kept = await store.servers.keep_refused(
        RefusedOrder(
            id=0,
            guild_id=10,
            channel_id=20,
            user_id=30,
            why=why,
            wanted=OFFER,
            fits=(),
            at=0.0,
        )
    )
    await store.servers.ask(kept.id, guild_id=10)
    return kept.id


async def _grant(store):
    asked = await _asked(store, "quota")
    return lambda: store.moderation.grant_asked(BY, asked, 30, 8)


async def _open(store):
    asked = await _asked(store, "budget")
    return lambda: store.moderation.open_asked(BY, asked)


async def _deny(store):
    asked = await _asked(store, "quota")
    return lambda: store.moderation.deny_asked(BY, asked, 30, 8)


async def _cancel(store):
    job = (await store.policy.admit(draft(1), roles=())).job
    gone = job.to(State.CANCELLED, now=2.0, cancelled_by=1)
    return lambda: store.servers.move(BY, "cancel", gone, "canceled by hand")


async def _post(store):
    job = (await store.policy.admit(draft(1), roles=())).job
    job = await advance(store.jobs, job, *WAY[:-1])
    job = await store.jobs.save(job.to(State.UNDELIVERED, now=2.0, error="x"))
    again = job.to(State.DELIVERING, now=3.0, due_at=3.0)
    return lambda: store.servers.move(BY, "post", again, "post", thread_id=77)


async def _take_down(store):
    job = await _ended(store)
    return lambda: store.servers.take_down(BY, job, hidden_by=1)


async def _bring_back(store):
    job = await _ended(store)
    await store.servers.take_down(None, job, hidden_by=1)
    return lambda: store.servers.take_down(BY, job, hidden_by=None)


async def _save(store):
    return lambda: store.takes.save_preset(PRESET, by=BY)


async def _delete(store):
    await store.takes.save_preset(PRESET)
    return lambda: store.takes.delete_preset(
        guild_id=10, user_id=0, name="Quiet One", by=BY, at=2.0
    )


ACTS = {
    "grant": _grant,
    "server": _open,
    "deny": _deny,
    "cancel": _cancel,
    "post": _post,
    "take down": _take_down,
    "bring back": _bring_back,
    "preset": _save,
    "preset gone": _delete,
}


async def _everything(store):
    """Every row of every table but the clock."""

    def dump(db):
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in {"clock", "sqlite_sequence"}
        ]
        rows = (db.execute(f"SELECT * FROM {name}").fetchall() for name in names)
        return {name: [tuple(row) for row in each] for name, each in zip(names, rows, strict=True)}

    return await store.writer.read(dump)


@pytest.mark.parametrize("what", ACTS)
async def test_an_act_and_its_line_are_one(store, what):
    """If the audit cannot be written, as when the process dies there, nothing was done."""
    act = await ACTS[what](store)
    await store.writer.write(
        lambda db: db.execute(
            "CREATE TRIGGER dies BEFORE INSERT ON audit BEGIN SELECT RAISE (ABORT, 'dies'); END"
        )
    )
    before = await _everything(store)
    with pytest.raises(sqlite3.IntegrityError, match="dies"):
        await act()
    assert await _everything(store) == before

    await store.writer.write(lambda db: db.execute("DROP TRIGGER dies"))
    assert await act() is not False, "it can still be done"
    [line] = await store.moderation.audit(10)
    assert (line.what, line.actor_id) == (what.removesuffix(" gone"), 1)
    assert await store.check(thorough=True) == []


async def test_a_grant_that_died_halfway_can_be_given_again(store):
    """The credits could not be booked: the request is still open."""
    asked = await _asked(store, "quota")
    await store.writer.write(
        lambda db: db.execute(
            "CREATE TRIGGER dies BEFORE INSERT ON transfer BEGIN SELECT RAISE (ABORT, 'dies'); END"
        )
    )
    with pytest.raises(sqlite3.IntegrityError, match="dies"):
        await store.moderation.grant_asked(BY, asked, 30, 8)
    assert (await store.servers.refused(asked, guild_id=10)).answer is None
    await store.writer.write(lambda db: db.execute("DROP TRIGGER dies"))
    assert (await store.moderation.grant_asked(BY, asked, 30, 8)).left == 8
    assert await store.moderation.grant_asked(BY, asked, 30, 8) is None
    assert len(await store.moderation.grants(10)) == 1


async def test_of_two_moderators_one_answers(store):
    asked = await _asked(store, "quota")
    answers = await asyncio.gather(
        *(store.moderation.grant_asked(replace(BY, actor_id=n), asked, 30, 8) for n in range(1, 9))
    )
    assert sum(each is not None for each in answers) == 1
    assert len(await store.moderation.grants(10)) == 1


# In the playground.


async def lines(ada):
    """What the audit says was done, newest first."""
    page = (await said(ada, "/quota audit")).text
    return [each.partition("**")[2].replace("**", "") for each in page.split("\n")[1:]]


async def test_a_moderators_cancel_is_on_record_however_it_is_done(ada, mira, paid, paid_house):
    for _ in range(3):
        await ordered(mira)
    card = await mira.wait_for("Queued 1 of 1")
    await pressed(ada, card, "Cancel")
    await mira.wait_for(lambda each: each.id == card.id and "Canceled" in each.text)
    await until(lambda: _rendering(paid_house, 1))
    await (await ada.type("/video cancel", clip="1")).answered
    await until(lambda: _rendering(paid_house, 2))
    await (await mira.type("/video cancel", clip="2")).answered
    assert await lines(ada) == [
        f"canceled <@{mira.id}>: clip #1",
        f"canceled <@{mira.id}>: clip #3",
    ]


async def _rendering(house, number):
    return (await house.store.jobs.get(number)).state is State.RENDERING


async def test_taking_down_and_bringing_back_somebody_elses_clip_are_on_record(
    playground, tmp_path, ada, mira
):
    async with working(playground, tmp_path, providers={"plain": Maker("plain", PLAIN)}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        ada.go(clip.channel_id)
        await ada.react(clip, "❌")
        await until(lambda: mira.message(clip.id) is None)
        refused = await said(mira, "/video show", clip="1", public=True)
        assert refused.text == "A moderator deleted #1."
        await (await ada.type("/video show", clip="1", public=True)).answered
        again = await mira.wait_for(lambda each: "**#1** · take 1" in each.text)
        found = [f"brought back <@{mira.id}>: clip #1", f"took down <@{mira.id}>: clip #1"]
        await until(lambda: _are(ada, found))
        await mira.react(again, "❌")
        await until(lambda: mira.message(again.id) is None)
        await (await mira.type("/video show", clip="1", public=True)).answered
        await mira.wait_for(lambda each: "**#1** · take 1" in each.text and each.id != again.id)
        assert await lines(ada) == found, "one's own is nobody's business"


async def _are(ada, found):
    return await lines(ada) == found


async def test_the_servers_presets_are_on_record_and_found_in_any_case(
    playground, tmp_path, ada, mira
):
    async with working(playground, tmp_path, providers={"plain": Maker("plain", PLAIN)}):
        await first_clip(mira)
        await said(mira, "/video presets", save="Quiet One")
        await said(ada, "/video presets", save="Loud One", clip="1", for_server=True)
        await said(ada, "/video presets", delete="loud  one", for_server=True)
        assert await lines(ada) == [
            "changed the presets: preset Loud One, model plain\\-1 → nothing",
            "changed the presets: preset Loud One, model plain\\-1",
        ]
        gone = await said(mira, "/video presets", delete="quiet one")
        assert "was deleted" in gone.text
        refused = await said(mira, "/video presets", delete="quiet one")
        assert refused.text == "You have no preset “quiet one”."
