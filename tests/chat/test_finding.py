"""/video mine and /video search: what they list, to whom, page by page and after a restart."""

import io
import itertools

import pytest
from PIL import Image

from bot.media.contact_sheet import GAP, PLAIN, TILE
from bot.orders.finding import PAGE
from playground.discord.trouble import LOST_502
from storage import Brief, Mode, Post, State
from tests.rig.drafts import advance, draft
from tests.rig.house import unlinked, until, working
from tests.rig.makers import DEAR, NATIVE, Maker
from tests.rig.paid import fetched, pressed, said
from tests.rig.taking import answered, clip_of, done, first_clip

NONE = "No clip that you can see has all these words. Try fewer."
requests = itertools.count(1)


@pytest.fixture
def kept_by(playground, house):
    """Keeps a clip that no worker touches, with the card it had; gives its number."""

    async def keep(person, prompt, channel="videos", **more):
        number = next(requests)
        place = playground.channel(channel).id if isinstance(channel, str) else channel
        job, _ = await house.store.jobs.add(
            draft(
                number,
                guild_id=playground.guild.id,
                channel_id=place,
                user_id=person.id,
                brief=Brief(prompt=prompt, **more),
                due_at=1e15,
                card_channel_id=place,
                card_id=10**6 + number,
            )
        )
        return job.id

    return keep


def numbers(message):
    """The clips that a page lists, in its order."""
    rows = [each for each in unlinked(message).splitlines() if each.startswith("**")]
    return [int(each.split("#")[1].split()[0]) for each in rows]


async def tile_of(message, place):
    """The colour in the middle of a tile of the page's sheet."""
    [attachment] = message.attachments
    sheet = Image.open(io.BytesIO(await fetched(attachment)))
    left = GAP + (place - 1) % 5 * (TILE[0] + GAP)
    top = GAP + (place - 1) // 5 * (TILE[1] + GAP)
    return sheet.getpixel((left + TILE[0] // 2, top + TILE[1] // 2)), sheet.size


def plain_tile(colour):
    wanted = tuple(int(PLAIN[at : at + 2], 16) for at in (1, 3, 5))
    return all(abs(one - other) < 6 for one, other in zip(colour, wanted, strict=True))


async def test_mine_lists_shows_and_builds_on_a_clip(playground, tmp_path, mira):
    maker = Maker("plain", NATIVE, price=DEAR)
    async with working(
        playground, tmp_path, providers={"plain": maker}, dailies_quota=9999
    ) as house:
        first = await first_clip(mira, "a red fox in the *snow*")
        await first_clip_again(mira, "a grey wolf")
        for number in (1, 2):
            await done(house, number)
            await until((tmp_path / "takes" / f"{number}.jpg").exists)
        (tmp_path / "takes" / "2.jpg").unlink()
        page = await said(mira, "/video mine")
        assert numbers(page) == [2, 1]
        line = page.text.splitlines()[2]
        assert line.startswith("**2** [#1](https://discord.com/channels/")
        assert f"/{first.id})" in line
        assert r"a red fox in the \*snow\* · Done · 480p 16\:9 · 2 s · 200 credits" in line
        assert page.attachments[0].description == "The pictures of clips 1 to 2"
        there, size = await tile_of(page, 2)
        assert not plain_tile(there)
        assert size == (2 * TILE[0] + 3 * GAP, TILE[1] + 2 * GAP)
        assert plain_tile((await tile_of(page, 1))[0]), "what is not on the disk is not made for it"
        assert not page.buttons, "there is no other page"

        picked = await answered(await mira.choose(page, "do:found", "1"))
        assert picked.ephemeral
        assert r"a red fox in the \*snow\*" in picked.message.text
        assert [each.label for each in picked.message.buttons] == [
            "🎞️ Show",
            "🔁 Retake…",
            "⏩ Extend…",
        ]
        shown = await answered(await mira.click(picked.message, "Show"))
        await until(lambda: shown.message.attachments)
        assert shown.message.attachments[0].filename.endswith(".mp4")
        asked = await answered(await mira.click(picked.message, "Retake…"))
        assert "The whole clip: 200 credits" in asked.modal.text
        asked = await answered(await mira.click(picked.message, "Extend…"))
        assert "Add 2 s at the end: 200 credits" in asked.modal.text
        await answered(await mira.fill(asked))
        longer = await clip_of(mira, 3)
        assert "extends" in longer.text
        assert len(await house.store.jobs.newest()) == 3


async def first_clip_again(person, prompt):
    await (await person.type("/video text", prompt=prompt)).answered
    return await clip_of(person, 2)


async def test_mine_is_narrowed_down_and_says_to_what(house, playground, mira, jonas, kept_by):
    one = await kept_by(mira, "a fox")
    two = await kept_by(mira, "a fox", mode=Mode.IMAGE)
    three = await kept_by(mira, "a fox", "storyboards")
    await kept_by(jonas, "a fox")
    job = await house.store.jobs.get(one)
    await advance(house.store.jobs, job, State.CANCELLED)
    await house.store.takes.favourite(two, mira.id, at=1.0)
    assert numbers(await said(mira, "/video mine")) == [three, two, one]
    for options, wanted, words in (
        ({"state": "not made"}, [one], "not made"),
        ({"state": "in progress"}, [three, two], "in progress"),
        ({"mode": "image"}, [two], "clips from an image"),
        ({"favorites": True}, [two], "favorites"),
        ({"channel": "storyboards"}, [three], f"<#{playground.channel('storyboards').id}>"),
        ({"channel": "videos", "state": "in progress"}, [two], "in progress · <#"),
    ):
        page = await said(mira, "/video mine", **options)
        assert (numbers(page), words in page.text.splitlines()[0]) == (wanted, True), options
    none = await said(mira, "/video mine", state="made")
    assert none.text == "None of your clips here fits. Leave an option out."


async def test_nothing_of_one_s_own_yet_says_how_to_begin(house, mira):
    page = await said(mira, "/video mine")
    assert page.text.startswith("You haven't ordered anything here yet.")


async def test_search_finds_what_one_may_see_and_nothing_else(
    house, playground, ada, mira, jonas, kept_by
):
    secret = await kept_by(ada, "the fox of the launch", "moderators")
    open_ = await kept_by(ada, "a fox for all")
    own = await kept_by(mira, "my own fox", "moderators")
    thread = await mira_thread(playground, house, mira, ada)
    threaded = await kept_by(ada, "a fox in a thread", thread)
    private = playground.world.create_thread(
        playground.channel("videos").id, "secret", ada.id, type=12
    )
    hidden = await kept_by(ada, "a fox in private", private.id)
    every = [hidden, threaded, own, open_, secret]
    assert numbers(await said(ada, "/video search", words="fox")) == every, "a moderator"
    assert numbers(await said(mira, "/video search", words="Foxes")) == [threaded, own, open_]
    page = await said(jonas, "/video search", words="fox")
    assert numbers(page) == [threaded, open_]
    assert f"<@{ada.id}>" in page.text
    assert page.mentions == ()
    assert (await said(jonas, "/video search", words="launch")).text == NONE
    assert (await said(jonas, "/video search", words="nowhere")).text == NONE
    picked = await answered(await jonas.choose(page, "do:found", str(open_)))
    assert "a fox for all" in picked.message.text
    # What is posted where one may read it is seen, as everywhere.
    await house.store.takes.posted(
        Post(message_id=5, channel_id=playground.channel("videos").id, job_id=secret, at=1.0)
    )
    assert numbers(await said(jonas, "/video search", words="launch")) == [secret]


async def mira_thread(playground, house, mira, ada):
    """A public thread in #videos."""
    message = await ada.say("about foxes")
    thread = await ada.start_thread(message, "foxes")
    await until(lambda: house.bot.get_channel(thread) is not None)
    return thread


async def test_what_was_taken_down_is_listed_as_elsewhere_without_its_picture(
    house, mira, jonas, tmp_path
):
    await first_clip(mira, "a red fox")
    await until(lambda: (tmp_path / "takes" / "1.jpg").exists())
    before = await said(jonas, "/video search", words="fox")
    assert not plain_tile((await tile_of(before, 1))[0])
    await house.store.servers.take_down(None, await house.store.jobs.get(1), hidden_by=mira.id)
    after = await said(jonas, "/video search", words="fox")
    assert "taken down" in after.text
    assert "](https" not in after.text
    assert plain_tile((await tile_of(after, 1))[0])


async def test_a_forgotten_person_s_clips_are_found_no_more(house, mira, jonas):
    await first_clip(mira, "a red fox")
    assert numbers(await said(jonas, "/video search", words="fox")) == [1]
    await until(lambda: _forgotten(house, mira))
    assert (await said(jonas, "/video search", words="fox")).text == NONE


async def _forgotten(house, person):
    return await house.store.privacy.forget(person.id) is not None


@pytest.mark.long
async def test_pages_turn_both_ways_and_after_a_restart(playground, tmp_path, mira, jonas, plain):
    words = "a fox runs through the deep fresh snow of the far north at dawn"
    assert len(words) <= 64
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await many(house, playground, mira, 25, words)
        every = [*range(25, 0, -1)]
        mine = await said(mira, "/video mine", channel="videos", state="in progress")
        found = await said(jonas, "/video search", words=words)
        for person, page in ((mira, mine), (jonas, found)):
            assert numbers(page) == every[:PAGE]
            assert [each.label for each in page.buttons] == ["Older ▶"]
            second = await turned(person, page, "Older")
            assert second.id == page.id
            assert numbers(second) == every[PAGE : 2 * PAGE]
            assert [each.label for each in second.buttons] == ["◀ Newer", "Older ▶"]
            assert all(len(each.custom_id) <= 100 for each in second.buttons)
            assert len(second.attachments) == 1
            last = await turned(person, second, "Older")
            assert numbers(last) == every[2 * PAGE :]
            assert [each.label for each in last.buttons] == ["◀ Newer"]
            back = await turned(person, last, "Newer")
            assert numbers(back) == every[PAGE : 2 * PAGE]
            assert numbers(await turned(person, back, "Newer")) == every[:PAGE]
            await turned(person, back, "Older")
    async with working(playground, tmp_path, providers={"plain": plain}):
        for person, page in ((mira, mine), (jonas, found)):
            # Its answer is lost, and the page is written a second time: with its picture.
            lost = playground.trouble("POST", r"^/interactions/", LOST_502)
            newest = await turned(person, person.message(page.id), "Newer")
            assert lost.met
            assert (await fetched(newest.attachments[0]))[:2] == b"\xff\xd8", "a whole JPEG"
            last = await turned(person, newest, "Older")
            last = await turned(person, person.message(page.id), "Older")
            assert numbers(last) == every[2 * PAGE :]
            assert len(last.attachments) == 1


async def many(house, playground, person, count, prompt):
    for number in range(count):
        place = playground.channel("videos").id
        await house.store.jobs.add(
            draft(
                number,
                guild_id=playground.guild.id,
                channel_id=place,
                user_id=person.id,
                brief=Brief(prompt=prompt),
                due_at=1e15,
                card_channel_id=place,
                card_id=10**6 + number,
            )
        )


async def turned(person, page, label):
    """The page behind a button, in the same message."""
    before = person.message(page.id).text
    await answered(await person.click(person.message(page.id), label))
    return await until(
        lambda: (now := person.message(page.id)).text != before and now.attachments and now
    )


async def test_whatever_is_typed_is_answered_with_words(house, mira, kept_by):
    prompts = ("@everyone **bold** <@1> [x](https://x.test)", 'say "AND" (NEAR) -x *', "fox")
    for prompt in prompts:
        await kept_by(mira, prompt)
    for words in ('"', "*", "AND", "NEAR(", "-x", "fox*", "(fox", "prompt:fox", "🦊", "a:b.c"):
        page = await said(mira, "/video search", words=words)
        assert page.text.startswith(("### Clips with", "No clip that", "Type a word")), words
        assert page.mentions == ()
    assert numbers(await said(mira, "/video search", words="AND")) == [2]
    page = await said(mira, "/video search", words="everyone")
    assert r"\*\*bold\*\*" in page.text
    assert "@everyone" not in page.text
    assert "](https://x.test)" not in page.text


async def test_a_button_that_no_dailies_wrote_says_so(house, playground, mira, kept_by):
    for number in range(PAGE + 1):
        await kept_by(mira, f"a fox {number}")
    page = await said(mira, "/video mine")
    raw = playground.world.get_message(page.channel_id, page.id)
    for about in ("mine:", "mine:o5", "mine:x5:...", "mine:o5:sold...", "search:", "search:oo:fox"):
        rewrite(raw, f"do:{about}")
        done = await pressed(mira, mira.message(page.id), "Older")
        assert done.message.text == "This button is out of date. Use the command instead.", about


def rewrite(stored, custom_id):
    """Give the button of a message another id, as only a changed client can."""

    def walk(parts):
        for part in parts:
            if part.get("type") == 2:
                part["custom_id"] = custom_id
            walk(part.get("components") or [])

    walk(stored.components)
