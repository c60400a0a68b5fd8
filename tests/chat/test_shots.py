"""/video shot, shots and reel: filed, approved, on the board, joined and posted, for whom it is."""

import csv
import io
import re

import pytest

from bot.media.encode import turn
from bot.media.probe import probe
from bot.media.reel import MOST_SECONDS
from bot.orders.reels import MOST_TAKES
from cogs.video.reel_runs import ReelRuns
from storage import Brief, By, ChangedBy, DiskTrouble, ReelState, State
from tests.rig.house import unlinked, until, working
from tests.rig.kept import ended
from tests.rig.makers import DEAR, NATIVE, Maker
from tests.rig.paid import fetched, pressed, said
from tests.rig.taking import answered, clip_of, done, first_clip


def rows(message):
    """The lines of a board: from each its words."""
    return [each for each in unlinked(message).splitlines() if re.match(r"\*\*\d+\*\* ", each)]


async def take(person, number, prompt="a fox", **options):
    """A clip of one's own in a thread of its own; its message."""
    person.go("videos")
    await (await person.type("/video text", prompt=prompt, **options)).answered
    return await clip_of(person, number)


async def _signed(house, playground, number):
    found = await house.bot.takes.find(number, guild_id=playground.guild.id)
    return found.approved_by


async def filed(person, clip, name):
    """File the thread of a clip under a shot, from within it."""
    person.go(clip.channel_id)
    return await said(person, "/video shot", name=name)


async def reel_of(person, number=1):
    """The message that carries a reel."""
    return await person.wait_for(
        lambda each: f"### 🎞️ Reel {number} ·" in each.text and bool(each.attachments)
    )


def attached(message, ending):
    [found] = [each for each in message.attachments if each.filename.endswith(ending)]
    return found


@pytest.fixture
async def studio(playground, tmp_path):
    maker = Maker("able", NATIVE, price=DEAR)
    limits = {"dailies_jobs_per_user": 100, "dailies_orders_per_minute": 10_000}
    async with working(
        playground, tmp_path, providers={"able": maker}, dailies_quota=99_999, **limits
    ) as house:
        yield house


async def test_from_a_thread_to_the_reel(playground, studio, ada, mira, jonas, tmp_path):
    """A producer's week: file, approve, look at the board, and show the reel on Monday."""
    first = await take(mira, 1, '=HYPERLINK("x")\nred fox', duration=1)
    second = await take(mira, 2, "a wolf", duration=2)
    third = await take(mira, 3, "a bear", duration=1)
    assert (await filed(mira, first, " SC12 / sh3 ")).text == (
        "This thread is filed under **SC12/sh3**. React ✅ to a take to approve it."
    )
    await filed(mira, second, "sc2/sh10")
    await filed(mira, third, "sc2/sh9")
    choices = await mira.suggestions("/video shot", "name", "SH")
    assert [each.value for each in choices] == ["sc2/sh9", "sc2/sh10", "SC12/sh3"]
    found = await said(jonas, "/video search", words="sc12/sh3")
    assert "[#1](" in found.text or "#1" in found.text

    none = await said(mira, "/video reel")
    assert none.text.startswith("No shot here has an approved take yet.")
    for clip, number in ((first, 1), (second, 2)):
        await ada.react(clip, "✅")
        await until(lambda number=number: _signed(studio, playground, number))
    mira.go("videos")
    board = await said(mira, "/video shots")
    assert board.text.splitlines()[1] == "3 shots, 2 approved"
    assert [re.sub(r"[\\]", "", each) for each in rows(board)] == [
        "**1** **sc2/sh9** · 1 take, none approved · take 1 (#3) · 100 credits (≈ $1.00)",
        "**2** **sc2/sh10** · ✅ take 1 (#2) · 2 s · 200 credits (≈ $2.00)",
        "**3** **SC12/sh3** · ✅ take 1 (#1) · 1 s · 100 credits (≈ $1.00)",
    ]
    assert f"/{second.channel_id}/{second.id})" in board.text
    assert len(board.attachments) == 1

    planned = await said(mira, "/video reel", slate=True)
    assert "### Reel · 2 takes · 3 s" in planned.text
    assert "Free: this bot joins them itself." in planned.text
    assert "no take is approved: sc2/sh9" in planned.text.replace("\\", "")
    assert not planned.buttons, "it is short, so nothing is asked"
    reel = await reel_of(mira)
    assert reel.channel_id == playground.channel("videos").id
    assert reel.mentions == (mira.id,)
    film = tmp_path / "shown.mp4"
    film.write_bytes(await fetched(attached(reel, ".mp4")))
    info = (await probe(film)).moving
    assert (info.width, info.height, info.frames, info.complete) == (128, 72, 72, True)
    lines = (await fetched(attached(reel, ".edl"))).decode("ascii").split("\r\n")
    assert lines[1] == "FCM: NON-DROP FRAME"
    assert [each[:30] for each in lines if each[:3].isdigit()] == [
        "001  D0000002 AA/V  C        0",
        "002  D0000001 AA/V  C        0",
    ]
    assert any(each.endswith("01:00:02:00 01:00:03:00") for each in lines)
    assert '* COMMENT: =HYPERLINK("x") red fox' in lines
    table = (await fetched(attached(reel, ".csv"))).decode("utf-8-sig")
    one, two = csv.DictReader(io.StringIO(table))
    assert (one["scene"], one["shot"], one["clip"]) == ("sc2", "sh10", "2")
    assert (two["record in"], two["record out"]) == ("01:00:02:00", "01:00:03:00")
    assert (two["frames"], two["fps"], two["credits"]) == ("24", "24", "100")
    assert two["prompt"].startswith("'=HYPERLINK"), "no spreadsheet runs it"
    await until(lambda: not [*(tmp_path / "reels").iterdir()])
    await mira.wait_for("[Ready](https://discord.com/channels/")
    assert await studio.store.reels.begun() == []


async def test_the_last_approved_take_counts_and_a_withdrawn_one_does_not(
    playground, studio, ada, mira
):
    first = await take(mira, 1, duration=1)
    await done(studio, 1)
    await mira.react(first, "🔁")
    second = await clip_of(mira, 2)
    await filed(mira, first, "sc1")
    for clip, number in ((second, 2), (first, 1)):
        await ada.react(clip, "✅")
        await until(lambda number=number: _signed(studio, playground, number))
        playground.clock.advance(5)
    assert "✅ take 1 (#1)" in rows(await said(mira, "/video shots"))[0]
    await ada.unreact(first, "✅")
    await until(lambda: _unsigned(studio, playground, 1))
    assert "✅ take 2 (#2)" in rows(await said(mira, "/video shots"))[0]


async def _unsigned(house, playground, number):
    return not await _signed(house, playground, number)


@pytest.mark.long
async def test_a_shot_s_name_is_only_a_name(studio, mira):
    clip = await take(mira, 1, duration=1)
    for name, wanted in (
        ("///", "A shot's name needs a letter or a number, such as sc12/sh3."),
        ("🦊", "A shot's name needs a letter or a number, such as sc12/sh3."),
    ):
        assert (await filed(mira, clip, name)).text == wanted
    assert (await said(mira, "/video shot")).text.startswith("This thread is not filed under")
    odd = await filed(mira, clip, "@everyone **x** [a](https://x.test)\u202e")
    board = await said(mira, "/video shots")
    for message in (odd, board):
        assert r"\*\*x\*\*" in message.text
        assert "@everyone" not in message.text
        assert "](https://x.test)" not in message.text
        assert message.mentions == ()
    gone = await said(mira, "/video shot")
    assert "is no longer filed under" in gone.text
    assert (await said(mira, "/video shots")).text.startswith("No shots here yet.")


async def test_who_may_not_build_on_a_clip_may_not_file_it(playground, studio, ada, mira, jonas):
    clip = await take(mira, 1, duration=1)
    by = By(guild_id=playground.guild.id, actor_id=ada.id)
    await studio.store.moderation.set_server(by, changed_by=ChangedBy.REQUESTER)
    assert "can build on #1." in (await filed(jonas, clip, "sc1")).text.replace("\\", "")
    jonas.go("videos")
    assert "can build on #1." in (await said(jonas, "/video shot", name="sc1", clip="#1")).text
    assert (
        "There is no clip #99 here."
        in (await said(jonas, "/video shot", name="sc1", clip="#99")).text
    )
    assert (await said(jonas, "/video shots")).text.startswith("No shots here yet.")
    # What came to nothing is nobody's to protect; what was made is.
    of_jonas = {"guild_id": playground.guild.id, "user_id": jonas.id, "thread_id": clip.channel_id}
    made = {"file": "takes/1.mp4", "result_id": 99}
    for number, state, more in ((2, State.CANCELLED, {}), (3, State.DONE, made)):
        await ended(studio.store, number, state, **of_jonas, **more)
        answer = (await filed(mira, clip, f"sc{number}")).text
        if number == 2:
            assert "is filed under **sc2**" in answer
        else:
            assert "can build on #3." in answer.replace("\\", "")
    assert "is filed under **sc1**" in (await filed(ada, clip, "sc1")).text
    nowhere = await said(jonas, "/video shot", name="sc1")
    assert nowhere.text == "Use this in a thread, or say which clip: `clip:#42`."


@pytest.mark.long
async def test_a_private_thread_is_for_its_members_alone(playground, studio, ada, mira, jonas):
    private = playground.world.create_thread(
        playground.channel("videos").id, "secret", mira.id, type=12
    )
    for member in (studio.bot.user.id, ada.id):
        playground.world.add_thread_member(private.id, member)
    mira.go(private.id)
    await (await mira.type("/video text", prompt="a secret", duration=1)).answered
    clip = await clip_of(mira, 1)
    assert "is filed under **sc9/secret**" in (await filed(mira, clip, "sc9/secret")).text
    await ada.react(clip, "✅")
    await until(lambda: _signed(studio, playground, 1))
    open_ = await take(jonas, 2, duration=1)
    await filed(jonas, open_, "sc1/open")
    await ada.react(open_, "✅")
    await until(lambda: _signed(studio, playground, 2))
    jonas.go("videos")
    board = await said(jonas, "/video shots")
    assert "secret" not in board.text
    assert "1 shot, 1 approved" in board.text
    assert [each.value for each in await jonas.suggestions("/video shot", "name")] == ["sc1/open"]
    assert (await said(jonas, "/video reel", to="sc9/secret")).text == (
        r"There is no shot “sc9/secret” here."
    )
    for person in (ada, mira):  # a moderator, and whose clip it is
        person.go("videos")
        assert "secret" in (await said(person, "/video shots")).text
    planned = await said(ada, "/video reel")
    assert "they are in a private thread: sc9/secret" in planned.text
    reel = await reel_of(jonas)
    assert "· 1 take ·" in reel.text, "what is posted for everybody holds nothing of it"
    assert "secret" not in (await fetched(attached(reel, ".edl"))).decode()
    mira.go(private.id)
    await said(mira, "/video reel")
    inside = await reel_of(mira, 2)
    assert inside.channel_id == private.id
    assert "· 2 takes ·" in inside.text


async def kept(house, playground, person, number, *, thread, signed=True, **brief):
    """A finished clip that no worker touches; its file lies where it should if somebody puts it."""
    job = await ended(
        house.store,
        number,
        State.DONE,
        guild_id=playground.guild.id,
        channel_id=playground.channel("videos").id,
        user_id=person.id,
        brief=Brief(prompt=f"clip {number}", **brief),
        thread_id=thread,
        file="takes/1.mp4",
        result_id=99,
    )
    await house.store.takes.number(job, thread)
    if signed:
        await house.store.takes.sign_off(job.id, person.id, at=1.0)
    await house.store.shots.file_thread(
        f"sc{number}",
        thread,
        guild_id=playground.guild.id,
        channel_id=playground.channel("videos").id,
        private=False,
    )
    return job


async def test_the_board_has_pages_of_ten_that_turn_after_a_restart(
    playground, tmp_path, mira, plain
):
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        for number in range(1, 24):
            await kept(house, playground, mira, number, thread=5000 + number, signed=False)
        board = await said(mira, "/video shots")
        assert [each.split("**")[3] for each in rows(board)] == [f"sc{n}" for n in range(1, 11)]
        assert "23 shots, 0 approved · page 1 of 3" in board.text
        assert [each.label for each in board.buttons] == ["Next ▶"]
        last = await said(mira, "/video shots", page=99)
        assert [each.split("**")[3] for each in rows(last)] == ["sc21", "sc22", "sc23"]
    async with working(playground, tmp_path, providers={"plain": plain}):
        await answered(await mira.click(mira.message(board.id), "Next"))
        second = await until(
            lambda: (now := mira.message(board.id)).text != board.text and now.attachments and now
        )
        assert [each.split("**")[3] for each in rows(second)] == [f"sc{n}" for n in range(11, 21)]
        assert [each.label for each in second.buttons] == ["◀ Back", "Next ▶"]


async def test_what_is_missing_is_named_before_it_starts_and_asked_about(
    playground, studio, ada, mira, tmp_path
):
    for number, name in ((1, "sc0"), (2, "sc5")):
        clip = await take(mira, number, duration=1)
        await filed(mira, clip, name)
        await ada.react(clip, "✅")
        await until(lambda number=number: _signed(studio, playground, number))
    (tmp_path / "takes" / "2.mp4").unlink()
    mira.go("videos")
    planned = await said(mira, "/video reel")
    assert "### Reel · 1 take · 1 s" in planned.text
    assert "their files are no longer kept: sc5 (#2)" in planned.text.replace("\\", "")
    assert [each.label for each in planned.buttons] == ["🎞️ Make the reel · free"]
    assert await studio.store.reels.begun() == [], "nobody said yes"
    await pressed(mira, planned, "Make the reel")
    await until(lambda: "is being made" in mira.message(planned.id).text)
    reel = await reel_of(mira)
    assert "· 1 take ·" in reel.text
    alone = await said(mira, "/video reel", scene="x")
    assert alone.text == "There is no scene “x” here."
    gone = await said(mira, "/video reel", **{"from": "sc5", "to": "sc5"})
    assert gone.text.replace("\\", "") == (
        "The files of the approved takes are no longer kept: sc5 (#2)."
    )
    turned = await said(mira, "/video reel", **{"from": "sc5", "to": "sc0"})
    assert turned.text == "“sc5” comes after “sc0”."


async def test_long_reels_are_asked_about_and_too_long_ones_refused(
    playground, house, mira, tmp_path
):
    (tmp_path / "takes").mkdir(exist_ok=True)
    for number in (1, 2):
        job = await kept(house, playground, mira, number, thread=5000 + number)
        await house.store.takes.measured(job.id, 40.0)
    (tmp_path / "takes/1.mp4").write_bytes(b"\0")  # both name the same file
    planned = await said(mira, "/video reel")
    assert "### Reel · 2 takes · 1:20" in planned.text
    assert len(planned.buttons) == 1
    await house.store.takes.measured(job.id, 1200.0)
    assert (await said(mira, "/video reel")).text.startswith("That is 20:40 long.")
    # What cannot be read is said in a sentence, and the next one has its turn.
    await pressed(mira, planned, "Make the reel")
    card = await mira.wait_for("None of the reel's clips is there any more.")
    assert "### 🎞️ Reel 1 · 2 takes" in card.text
    assert await house.store.reels.begun() == []


@pytest.mark.long
async def test_a_reel_holds_as_many_takes_and_minutes_as_it_may_and_not_one_more(
    playground, house, mira, tmp_path
):
    (tmp_path / "takes").mkdir(exist_ok=True)
    (tmp_path / "takes/1.mp4").write_bytes(b"\0")  # all name the same file
    for number in range(1, MOST_TAKES + 2):
        job = await kept(house, playground, mira, number, thread=5000 + number)
        await house.store.takes.measured(job.id, MOST_SECONDS / MOST_TAKES)
    for options in ({}, {"slate": True}):
        refused = await said(mira, "/video reel", **options)
        assert refused.text == (
            "That is 101 takes. A reel can have 100. Choose a scene, or from which shot to which."
        )
    full = await said(mira, "/video reel", to="sc100")
    assert "### Reel · 100 takes · 20:00" in full.text
    assert [each.label for each in full.buttons] == ["🎞️ Make the reel · free"]
    await house.store.takes.measured(1, MOST_SECONDS / MOST_TAKES + 0.01)
    refused = await said(mira, "/video reel", to="sc100")
    assert refused.text == (
        "That is 20:01 long. A reel can be 20 minutes. Choose a scene, or from which shot to which."
    )
    assert "### Reel · 99 takes ·" in (await said(mira, "/video reel", to="sc99")).text
    assert await house.store.reels.begun() == [], "nothing is made before a yes"
    assert not [*tmp_path.glob("reels/*")]


async def test_a_restart_in_the_middle_goes_on_and_posts_once(playground, tmp_path, ada, mira):
    def providers():
        return {"able": Maker("able", NATIVE)}

    async with working(playground, tmp_path, providers=providers()) as house:
        clip = await take(mira, 1, duration=1)
        await filed(mira, clip, "sc1")
        await ada.react(clip, "✅")
        await until(lambda: _signed(house, playground, 1))
        mira.go("videos")
        holding = turn()
        await holding.acquire()  # it is begun, and stopped before anything came of it
        await said(mira, "/video reel")
        await until(lambda: [*(tmp_path / "reels").glob("1.*.parts")])
    holding.release()
    (tmp_path / "reels" / "99.parts").mkdir()  # what a process that was killed left of another
    async with working(playground, tmp_path, providers=providers()) as house:
        posted = await reel_of(mira)
        await until(lambda: not [*(tmp_path / "reels").iterdir()])
        await until(lambda: cards(mira, "[Ready]("))
        [card] = cards(mira, "")  # the one that it had before the restart
        playground.clock.advance(3600)  # Discord drops no second copy any more
        again = {
            "guild": playground.guild.id,
            "channel": playground.channel("videos").id,
            "user": mira.id,
            "at": playground.clock.now(),
            "card": None,
        }
        # It was posted, and the process ended before that was written down.
        await left(house, again, id=1, state="posting", tries=1, card=card.id)
        house.bot.get_cog("ReelRuns").look_soon()
        await until(lambda: _none(house))
        reels = [each for each in mira.everything() if "Reel 1 ·" in each.text and each.attachments]
        assert [each.id for each in reels] == [posted.id]
        # What ends the process each time is not begun a fourth time, and says so.
        await left(house, again, id=7, state="making", tries=3)
        house.bot.get_cog("ReelRuns").look_soon()
        await mira.wait_for("This reel was interrupted three times")
        await until(lambda: _none(house))


class Uncleared:
    """A bot whose disk fails when old reels are deleted, and when new ones are looked for."""

    def __init__(self, *troubles):
        self.reels, self.troubles, self.did = self, [*troubles], []

    async def wait_until_ready(self):
        pass

    async def clear(self):
        self._did("clear")

    async def begun(self):
        self._did("look")
        return []

    def _did(self, what):
        self.did.append(what)
        if self.troubles:
            raise self.troubles.pop(0)


@pytest.mark.parametrize("trouble", [OSError(5, "Input/output error"), DiskTrouble("It is full.")])
async def test_trouble_of_the_disk_at_the_start_ends_no_reels(trouble):
    bot = Uncleared(trouble, trouble)
    runs = ReelRuns(bot, every=0.01)
    await runs.cog_load()
    try:
        await until(lambda: len(bot.did) >= 6)
    finally:
        await runs.cog_unload()
    assert bot.did[:6] == ["clear", "look", "clear", "look", "look", "look"]


async def left(house, values, **more):
    """A reel as a process that ended leaves it."""
    sql = (
        "INSERT INTO reel (id, request, guild_id, channel_id, user_id, cut, slate, state, at,"
        " tries, card_id)"
        " VALUES (:id, 'x' || :id, :guild, :channel, :user, '[[\"sc1\", 1]]', 0, :state, :at,"
        " :tries, :card)"
    )
    await house.store.writer.write(lambda db: db.execute(sql, {**values, **more}))


async def _none(house):
    return await house.store.reels.begun() == []


@pytest.mark.long
async def test_one_reel_of_a_server_at_a_time_and_the_others_wait(playground, studio, ada, mira):
    clip = await take(mira, 1, duration=1)
    await filed(mira, clip, "sc1")
    await ada.react(clip, "✅")
    await until(lambda: _signed(studio, playground, 1))
    mira.go("videos")
    async with turn():  # nothing is encoded meanwhile
        for number in range(1, 6):
            assert "### Reel · 1 take · 1 s" in (await said(mira, "/video reel")).text
            await until(lambda number=number: _begun(studio, number))
        last = await said(mira, "/video reel")
        assert last.text == "5 reels of this server are waiting. Try again later."
        await until(lambda: len(cards(mira, "Waiting for its turn.")) == 4)
        states = [each.state for each in await studio.store.reels.begun()]
        assert states == [ReelState.MAKING, *[ReelState.WAITING] * 4]
    posted = [(await reel_of(mira, number)).id for number in range(1, 6)]
    assert posted == sorted(posted), "in the order in which they were asked for"
    await until(lambda: len(cards(mira, "[Ready](")) == 5)


@pytest.mark.long
async def test_a_clip_that_is_deleted_while_a_reel_is_made_is_not_in_it(
    playground, studio, ada, mira, tmp_path
):
    for number, prompt in ((1, "a fox"), (2, "a wolf")):
        clip = await take(mira, number, prompt, duration=1)
        await filed(mira, clip, f"sc{number}")
        await ada.react(clip, "✅")
        await until(lambda number=number: _signed(studio, playground, number))
    mira.go("videos")
    async with turn():  # nothing is encoded meanwhile
        assert "### Reel · 2 takes · 2 s" in (await said(mira, "/video reel")).text
        await until(lambda: [*(tmp_path / "reels").glob("1.*.parts")])
        await mira.react(clip, "❌")
        await until(lambda: _hidden(studio, playground, 2))
    reel = await reel_of(mira)
    assert "### 🎞️ Reel 1 · 1 take · 1 s" in reel.text
    assert "their clips are gone: sc2 (#2)" in reel.text.replace("\\", "")
    table = (await fetched(attached(reel, ".csv"))).decode("utf-8-sig")
    assert [row["prompt"] for row in csv.DictReader(io.StringIO(table))] == ["a fox"]
    await until(lambda: _none(studio))


async def _hidden(house, playground, number):
    return (await house.bot.takes.find(number, guild_id=playground.guild.id)).hidden_by


def cards(person, words):
    return [
        each
        for each in person.everything()
        if "🎞️ Reel" in each.text and "for <@" in each.text and words in each.text
    ]


async def _begun(house, count):
    return len(await house.store.reels.begun()) == count


@pytest.mark.long
async def test_without_threads_a_clip_is_filed_alone(playground, tmp_path, ada, mira):
    async with working(playground, tmp_path, providers={"able": Maker("able", NATIVE)}) as house:
        by = By(guild_id=playground.guild.id, actor_id=ada.id)
        await house.store.moderation.set_server(by, threads=False)
        clip = await first_clip(mira, duration=1)
        await done(house, 1)
        assert (await said(mira, "/video shot", name="sc1")).text.startswith("Use this in a thread")
        filed_alone = await said(mira, "/video shot", name="sc1/sh1", clip="#1")
        assert filed_alone.text.startswith("\\#1 is filed") or filed_alone.text.startswith("#1 is")
        await ada.react(clip, "✅")
        await until(lambda: _signed(house, playground, 1))
        assert "✅ take 1 (#1)" in rows(await said(mira, "/video shots"))[0]
        await said(mira, "/video reel")
        assert "· 1 take ·" in (await reel_of(mira)).text


@pytest.mark.long
async def test_without_threads_what_is_made_of_a_filed_clip_is_filed_with_it(
    playground, tmp_path, ada, mira
):
    limits = {"dailies_jobs_per_user": 100, "dailies_orders_per_minute": 10_000}
    able = {"able": Maker("able", NATIVE)}
    async with working(playground, tmp_path, providers=able, **limits) as house:
        by = By(guild_id=playground.guild.id, actor_id=ada.id)
        await house.store.moderation.set_server(by, threads=False)
        await house.studio.rules.load()
        clip = await first_clip(mira, duration=1)
        await done(house, 1)
        await said(mira, "/video shot", name="sc1/sh1", clip="#1")
        await mira.react(clip, "🔁")
        retake = await clip_of(mira, 2)
        await mira.react(retake, "⏩")
        await clip_of(mira, 3)
        assert rows(await said(mira, "/video shots"))[0].startswith(r"**1** **sc1/sh1** · 3 takes")
        assert numbers_of(await said(mira, "/video search", words="sc1/sh1")) == [3, 2, 1]
        await ada.react(retake, "✅")
        await until(lambda: _signed(house, playground, 2))
        assert "✅ take 2 (#2)" in rows(await said(mira, "/video shots"))[0]
        # What begins something new, or stands elsewhere, is no take of the shot.
        await (await mira.type("/video image", prompt="x", link="#1", duration=1)).answered
        await clip_of(mira, 4)
        mira.go("storyboards")
        await (await mira.type("/video retake", clip="#1")).answered
        await clip_of(mira, 5)
        assert numbers_of(await said(mira, "/video search", words="sc1/sh1")) == [3, 2, 1]
        # A thread of its own is filed, with all that follows in it.
        await house.store.moderation.set_server(by, threads=True)
        await house.studio.rules.load()
        mira.go("videos")
        await pressed(mira, clip, "Variation")
        threaded = await clip_of(mira, 6)
        assert threaded.channel_id != clip.channel_id
        await mira.react(threaded, "🔁")
        assert (await clip_of(mira, 7)).channel_id == threaded.channel_id
        mira.go("videos")
        assert numbers_of(await said(mira, "/video search", words="sc1/sh1")) == [7, 6, 3, 2, 1]
        assert "1 shot, 1 approved" in (await said(mira, "/video shots")).text


def numbers_of(message):
    """The clips that a page lists, in its order."""
    return [int(each.split("#")[1].split()[0]) for each in rows(message)]


@pytest.mark.long
async def test_hdr_is_shown_by_its_preview_and_named_as_what_it_is(
    playground, tmp_path, ada, mira, media
):
    able = Maker("able", NATIVE)
    async with working(playground, tmp_path, providers={"able": able}) as house:
        able.made = media.frames
        clip = await take(mira, 1)
        await filed(mira, clip, "sc1")
        await ada.react(clip, "✅")
        await until(lambda: _signed(house, playground, 1))
        mira.go("videos")
        await said(mira, "/video reel")
        reel = await reel_of(mira)
        film = tmp_path / "shown.mp4"
        film.write_bytes(await fetched(attached(reel, ".mp4")))
        assert (await probe(film)).moving.frames == 3
        listed = (await fetched(attached(reel, ".edl"))).decode()
        assert "* FROM CLIP NAME: dailies-1.zip" in listed
