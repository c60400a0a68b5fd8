"""Several takes of one order, as people see them: one price, one card, one contact sheet."""

import re
from decimal import Decimal

import discord
import pytest

from bot.chat import sheet_message
from bot.errors import Failure, Refusal
from bot.media.probe import probe
from playground.discord.trouble import CUT, LOST_502
from storage import Brief, Job, Relation, State
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED
from tests.rig.proving import one_in
from tests.rig.taking import RETAKE, answered, clip_of, done, first_clip, saved

SHEET = re.compile(r"takes? (are|is) ready")


@pytest.fixture
def cheap():
    """A provider whose clips of a second cost a credit and can be stopped."""
    maker = Maker("cheap", PLAIN, price=PRICED)
    maker.cancels = True
    return maker


@pytest.fixture
async def shop(playground, tmp_path, cheap):
    async with working(
        playground, tmp_path, providers={"cheap": cheap}, dailies_orders_at_once=30
    ) as deployment:
        yield deployment


async def batch(person, *, takes=4, **options):
    """An order of several, after the yes to its sum; the answer that asked for it."""
    asked = await answered(
        await person.type("/video text", prompt="a red fox", takes=takes, duration=1, **options)
    )
    [order] = [each.label for each in asked.message.buttons if each.label.startswith("Order ")]
    await answered(await person.click(asked.message, order))
    return asked.message


async def sheet_of(person):
    return await person.wait_for(lambda each: SHEET.search(each.text) and not each.ephemeral)


def plain(message):
    """What a message says, as it reads."""
    return message.text.replace("\\", "")


def cards(person):
    return [each for each in person.everything() if re.match(r"#+ \S+ \d takes: ", each.text)]


async def all_ended(house, count=4):
    async def ended():
        jobs = [await house.store.jobs.get(number) for number in range(1, count + 1)]
        over = all(job is not None and job.due_at is None for job in jobs)
        return jobs if over else None

    return await until(ended)


async def test_four_takes_are_one_price_one_card_and_one_sheet(mira, shop, cheap, tmp_path):
    asked = await batch(mira)
    assert "These 4 clips cost 4 credits" in asked.text
    assert [each.label for each in asked.buttons] == ["Order 4 takes · 4 credits"]
    sheet = await sheet_of(mira)
    jobs = await all_ended(shop)
    assert [job.state for job in jobs] == [State.DONE] * 4
    assert len({brief.seed for brief in cheap.orders}) == 4
    assert {job.result_id for job in jobs} == {sheet.id}
    assert f"<@{mira.id}> **#1**: 4 takes are ready · 4 credits" in sheet.text
    assert "> a red fox" in sheet.text
    assert sheet.mentions == (mira.id,)
    assert [each.filename for each in sheet.attachments] == ["dailies-1-sheet.mp4"]
    info = await probe(await saved(sheet, tmp_path / "sheet.mp4"))
    assert (info.moving.width, info.moving.height) == (256, 144)
    assert info.audio_codec == "aac"
    assert [each.label for each in sheet.buttons] == [
        *("1", "2", "3", "4"),
        *(f"More like {number}" for number in (1, 2, 3, 4)),
    ]
    [card] = await until(lambda: cards(mira) if "4 takes: made" in cards(mira)[0].text else None)
    assert [line[:5] for line in card.text.split("\n") if line.startswith("**")] == [
        f"**{number}**" for number in (1, 2, 3, 4)
    ]
    assert not [each for each in mira.everything() if "** is ready" in each.text]
    assert len([each for each in mira.everything() if SHEET.search(each.text)]) == 1
    assert await shop.store.check(thorough=True) == []


@pytest.mark.long
async def test_a_number_posts_its_take_once_and_it_can_be_acted_on(mira, jonas, shop):
    await batch(mira, takes=2)
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    jonas.go(sheet.channel_id)
    first = await answered(await jonas.click(sheet, "2"))
    assert first.message.ephemeral
    assert "Number 2 (#2) is here" in first.message.text
    again = await answered(await mira.click(sheet, "2"))
    links = [re.search(r"/(\d+)\)\.$", each.message.text)[1] for each in (first, again)]
    assert links[0] == links[1]
    shown = [
        each
        for each in mira.everything()
        if [file.filename for file in each.attachments] == ["dailies-2.mp4"]
    ]
    assert [str(each.id) for each in shown] == [links[0]]
    await mira.react(shown[0], RETAKE)
    await clip_of(mira, 3)
    assert (await done(shop, 3)).brief.parent == 2


@pytest.mark.long
async def test_more_like_one_is_a_variation_at_a_price_that_is_asked(mira, shop):
    await batch(mira, takes=2)
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    asked = await answered(await mira.click(sheet, "More like 2"))
    assert "This costs 1 credit" in asked.message.text
    await answered(await mira.click(asked.message, "Order it · 1 credit"))
    await clip_of(mira, 3)
    job = await done(shop, 3)
    assert (job.brief.parent, job.brief.relation) == (2, Relation.VARIATION)


@pytest.mark.long
async def test_four_beside_variation_asks_for_the_sum(mira, shop):
    clip = await first_clip(mira, duration=1)
    await done(shop, 1)
    asked = await answered(await mira.click(clip, "×4"))
    assert "These 4 clips cost 4 credits" in asked.message.text
    await answered(await mira.click(asked.message, "Order 4 takes · 4 credits"))
    await sheet_of(mira)
    jobs = (await all_ended(shop, 5))[1:]
    assert {job.brief.parent for job in jobs} == {1}
    assert len({job.brief.seed for job in jobs}) == 4


async def test_again_makes_several(mira, shop):
    await first_clip(mira, duration=1)
    await done(shop, 1)
    asked = await answered(await mira.type("/video again", takes=3))
    assert "These 3 clips cost 3 credits" in asked.message.text


async def test_how_many_takes_is_suggested_with_what_all_of_them_cost(mira, shop):
    async def offered(command, option="takes", typed="", **chosen):
        found = await mira.suggestions(f"/video {command}", option, typed, **chosen)
        return [(each.name, each.value) for each in found]

    assert await offered("text") == [
        ("2 takes · 4 credits", 2),
        ("3 takes · 6 credits", 3),
        ("4 takes · 8 credits", 4),
    ]
    assert await offered("text", typed=3, duration=3) == [("3 takes · 9 credits", 3)]
    assert await offered("image", typed=9) == []
    # With several chosen, the other options say what all of them cost, too.
    several = [name for name, _ in await offered("text", "duration", takes=4)]
    assert several[1] == "2 s · 8 credits for 4 at 480p"
    # What repeats a clip costs what that clip does; before there is one, that is not known.
    assert ("4 takes", 4) in await offered("again")
    await first_clip(mira, duration=1)
    await done(shop, 1)
    assert ("4 takes · 4 credits", 4) in await offered("again")
    assert ("4 takes · 12 credits", 4) in await offered("again", duration=3, clip="#1")
    assert ("4 takes", 4) in await offered("again", clip="#99")


async def test_what_failed_is_named_with_what_was_charged(mira, shop, cheap):
    refused = Refusal("The provider rejected this prompt.", failure=Failure.REFUSED, billed=False)
    taken = cheap.submit

    async def submit(order):
        if order.job == 2:
            raise refused
        return await taken(order)

    cheap.submit = submit
    await batch(mira, takes=3)
    sheet = await sheet_of(mira)
    jobs = await all_ended(shop, 3)
    assert [job.state for job in jobs] == [State.DONE, State.FAILED, State.DONE]
    assert "2 of 3 takes are ready · 2 credits" in sheet.text
    lost = "**2** (#2) failed: The provider rejected this prompt. You were not charged."
    assert lost in plain(sheet)
    assert [each.label for each in sheet.buttons if each.disabled] == ["2", "More like 2"]
    assert not [each for each in mira.everything() if "**#2** failed" in each.text]
    assert jobs[1].result_id == sheet.id


async def test_one_that_is_left_is_posted_as_any_clip_with_what_became_of_the_rest(
    mira, shop, cheap
):
    taken = cheap.submit

    async def submit(order):
        if order.job != 2:
            raise Refusal("The provider rejected this prompt.", billed=False)
        return await taken(order)

    cheap.submit = submit
    await batch(mira, takes=3)
    clip = await clip_of(mira, 2)
    assert "It is the only one of 3 takes that is ready." in plain(clip)
    assert "#3 failed: The provider rejected this prompt. You were not charged." in plain(clip)
    jobs = await all_ended(shop, 3)
    assert {job.result_id for job in jobs} == {clip.id}
    assert not [each for each in mira.everything() if SHEET.search(each.text)]


async def test_a_batch_of_which_nothing_was_made_says_so_once(mira, shop, cheap):
    async def submit(order):
        raise Refusal("The provider rejected this prompt.", billed=False)

    cheap.submit = submit
    await batch(mira, takes=3)
    told = await mira.wait_for("none of 3 takes was made")
    assert plain(told).count("You were not charged.") == 3
    jobs = await all_ended(shop, 3)
    assert {job.result_id for job in jobs} == {told.id}
    held = [await shop.store.policy.bill(job.id) for job in jobs]
    assert [bill.held for bill in held] == [0, 0, 0]


async def test_cancel_stops_what_waits_and_what_can_be_stopped(mira, shop, cheap):
    cheap.holds = True
    cheap.limits = type(cheap.limits)(
        **{name: getattr(cheap.limits, name) for name in cheap.limits.__dataclass_fields__}
        | {"concurrency": 2}
    )
    await batch(mira)
    card = await mira.wait_for(lambda each: "2 rendering, 2 queued" in each.text)
    await answered(await mira.click(card, "Cancel what is left"))
    jobs = await all_ended(shop)
    assert [job.state for job in jobs] == [State.CANCELLED] * 4
    assert len(cheap.cancelled) == 2
    assert [(await shop.store.policy.bill(job.id)).spent for job in jobs] == [0] * 4
    await mira.wait_for(lambda each: each.id == card.id and "4 takes: canceled" in each.text)
    assert [each.label for each in mira.message(card.id).buttons] == [
        "Try again: 4 takes · 4 credits"
    ]


@pytest.mark.long
async def test_retake_on_a_sheet_orders_all_of_it_again_at_the_price_it_shows(mira, shop, cheap):
    await batch(mira, takes=2)
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    assert "🔁 2 new takes, new seeds (2 credits)" in sheet.text
    [post] = [each for each in await shop.store.takes.posts_of(1) if each.batch]
    assert post.retake_price == 2
    await mira.react(sheet, RETAKE)
    await mira.wait_for(lambda each: "**#3**: 2 takes are ready" in each.text)
    jobs = await all_ended(shop, 4)
    assert [job.batch for job in jobs] == [1, 1, 3, 3]
    assert len({job.brief.seed for job in jobs}) == 4


@pytest.mark.long
@pytest.mark.parametrize("emoji", ["⏩", "⭐", "✉️"])
async def test_what_needs_one_take_says_to_pick_one(mira, shop, emoji):
    await batch(mira, takes=2)
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    await mira.react(sheet, emoji)
    await mira.wait_for("Press a number on the sheet to post one in full")
    assert len(await shop.store.jobs.newest()) == 2


def offers(person):
    return [each for each in person.everything() if "deleted #" in each.text]


@pytest.mark.long
async def test_a_sheet_is_deleted_with_what_stands_nowhere_else(mira, shop):
    await batch(mira, takes=3)
    sheet = await sheet_of(mira)
    await all_ended(shop, 3)
    await answered(await mira.click(sheet, "2"))
    await mira.react(sheet, "❌")
    await until(lambda: mira.message(sheet.id) is None)
    guild = (await shop.store.jobs.get(1)).guild_id
    hidden = [(await shop.store.takes.get(n, guild_id=guild)).hidden_by for n in (1, 2, 3)]
    assert [bool(each) for each in hidden] == [True, False, True]
    offered = ["1.", "3."]
    await until(lambda: sorted(each.text.rpartition("#")[2] for each in offers(mira)) == offered)
    [offer] = [each for each in offers(mira) if each.text.endswith("#3.")]
    back = await answered(await mira.click(offer, "Undo"))
    assert "#3 is back" in back.message.text
    await mira.wait_for(lambda each: [f.filename for f in each.attachments] == ["dailies-3.mp4"])
    assert (await shop.store.takes.get(3, guild_id=guild)).hidden_by is None


@pytest.mark.long
async def test_a_sheet_goes_with_a_take_of_it_that_is_deleted(mira, shop):
    await batch(mira, takes=2)
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    await answered(await mira.click(sheet, "2"))
    shown = await mira.wait_for(
        lambda each: [file.filename for file in each.attachments] == ["dailies-2.mp4"]
    )
    await mira.react(shown, "❌")
    await until(lambda: mira.message(shown.id) is None and mira.message(sheet.id) is None)


@pytest.mark.parametrize("way", one_in(2, [LOST_502, CUT]), ids=lambda way: way.name)
async def test_a_sheet_whose_confirmation_was_lost_stands_once(playground, mira, shop, cheap, way):
    cheap.holds = True
    await batch(mira, takes=2)
    await until(lambda: len(cheap.orders) == 2)
    await until(lambda: cards(mira))
    lost = playground.trouble("POST", r"/messages$", way)
    cheap.holds = False
    await sheet_of(mira)
    await all_ended(shop, 2)
    assert lost.met
    assert len([each for each in mira.everything() if SHEET.search(each.text)]) == 1


@pytest.mark.long
async def test_a_sheet_that_was_posted_before_a_stop_is_found_again(
    playground, mira, tmp_path, cheap
):
    """The process ends between the post and its note."""
    async with working(playground, tmp_path, providers={"cheap": cheap}) as first:
        await first.store.writer.write(
            lambda db: db.execute(
                "CREATE TEMP TRIGGER stops BEFORE INSERT ON main.post"
                " BEGIN SELECT RAISE (ABORT, 'the process ends here'); END"
            )
        )
        await batch(mira, takes=2)
        sheet = await sheet_of(mira)
        assert (await first.store.batches.decide(1)).message_id is None
    playground.clock.advance(3600)  # Discord drops no second copy any more
    async with working(playground, tmp_path, providers={"cheap": cheap}) as second:
        jobs = await all_ended(second, 2)
        assert {job.result_id for job in jobs} == {sheet.id}
        assert len([each for each in mira.everything() if SHEET.search(each.text)]) == 1
        assert [each.batch for each in await second.store.takes.posts_of(1)] == [1]


@pytest.mark.long
async def test_a_server_that_takes_less_gets_a_smaller_sheet(playground, mira, tmp_path):
    big = Maker("big", PLAIN, size="640x360")
    async with working(playground, tmp_path, providers={"big": big}) as house:
        asked = await answered(
            await mira.type("/video text", prompt="a red fox", takes=4, duration=3)
        )
        assert asked.message is not None
        sheet = await sheet_of(mira)
        assert sheet.attachments[0].size < 10 * 2**20
        await all_ended(house)


async def test_a_cross_on_the_card_stops_all_that_is_left(mira, shop, cheap):
    cheap.holds = True
    await batch(mira, takes=3)
    card = await mira.wait_for(lambda each: "3 takes: rendering" in each.text)
    await mira.react(card, "❌")
    jobs = await all_ended(shop, 3)
    assert [job.state for job in jobs] == [State.CANCELLED] * 3


async def test_only_who_ordered_a_batch_or_a_moderator_stops_or_deletes_it(
    mira, jonas, shop, cheap
):
    cheap.holds = True
    await batch(mira, takes=2)
    card = await mira.wait_for(lambda each: "2 takes: rendering" in each.text)
    await answered(await jonas.click(card, "Cancel what is left"))
    await jonas.wait_for("or a moderator can cancel #1")
    cheap.holds = False
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    jonas.go(sheet.channel_id)
    await jonas.react(sheet, "❌")
    await jonas.wait_for("or a moderator can delete #1")
    assert mira.message(sheet.id) is not None


@pytest.mark.long
async def test_a_retake_of_a_sheet_given_while_the_bot_was_away_is_made(
    playground, mira, tmp_path, cheap
):
    async with working(playground, tmp_path, providers={"cheap": cheap}) as first:
        await batch(mira, takes=2)
        sheet = await sheet_of(mira)
        await all_ended(first, 2)
    await mira.react(sheet, RETAKE)
    async with working(playground, tmp_path, providers={"cheap": cheap}) as second:
        await mira.wait_for(lambda each: "**#3**: 2 takes are ready" in each.text)
        jobs = await all_ended(second, 4)
        assert [job.batch for job in jobs] == [1, 1, 3, 3]


@pytest.mark.long
async def test_a_menu_on_a_sheet_asks_for_one_take(mira, shop):
    await batch(mira, takes=2)
    sheet = await sheet_of(mira)
    await all_ended(shop, 2)
    mira.go(sheet.channel_id)
    asked = await answered(await mira.menu(mira.message(sheet.id), "Details"))
    assert "Press a number on the sheet" in asked.message.text


@pytest.mark.long
async def test_several_takes_start_from_one_input(mira, shop, cheap):
    await first_clip(mira, duration=1)
    await done(shop, 1)
    await mira.type("/video image", prompt="it turns", link="#1", takes=2, duration=1)
    asked = await mira.wait_for("These 2 clips cost 2 credits")
    await answered(await mira.click(asked, "Order 2 takes · 2 credits"))
    await sheet_of(mira)
    jobs = (await all_ended(shop, 3))[1:]
    assert [job.state for job in jobs] == [State.DONE] * 2
    assert len({job.brief.image.file for job in jobs}) == 1
    assert len({job.brief.seed for job in jobs}) == 2


@pytest.mark.parametrize(
    ("states", "sign"),
    [
        ((State.DONE, State.RENDERING), "🎬"),
        ((State.DONE, State.DELIVERING), "✅"),
        ((State.DONE, State.FAILED), "⚠️"),
        ((State.FAILED, State.EXPIRED), "❌"),
        ((State.FAILED, State.UNCLEAR), "❓"),
        ((State.CANCELLED, State.CANCELLED), "🚫"),
    ],
)
def test_the_sign_of_a_card_says_how_the_takes_went(states, sign):
    jobs = [
        Job(
            id=number,
            request=f"interaction:1:{number}",
            guild_id=1,
            channel_id=2,
            user_id=3,
            provider="fake",
            model="one",
            brief=Brief(prompt="a fox"),
            price=0,
            created_at=1.0,
            since=1.0,
            state=state,
            batch=1,
            batch_place=number,
        )
        for number, state in enumerate(states, 1)
    ]
    view = sheet_message.card(
        jobs, {}, {}, title="Fake", usd_per_credit=Decimal("0.01"), now=2.0, cancels=False
    )
    [text] = [each for each in view.walk_children() if isinstance(each, discord.ui.TextDisplay)]
    assert text.content.startswith(f"### {sign} 2 takes: ")
