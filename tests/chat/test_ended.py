"""A clip that came to nothing is never a dead end: try again, edit and try, another provider."""

import asyncio

import pytest

from bot.errors import Failure, Refusal
from playground.discord.trouble import LOST_502
from storage import By, ChangedBy, State
from tests.rig.doubles import Held
from tests.rig.house import until, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.paid import ordered, paid_provider, pressed
from tests.rig.taking import answered, clip_of, first_clip, thread_of

WHY = "The prompt breaks its rules"


def refusing(provider):
    """*provider*, which takes no order."""
    provider.submits.extend([Refusal(WHY, failure=Failure.CONTENT, final=True)] * 20)
    return provider


def notice(person, number=1, words="failed"):
    """The message that says how a clip ended."""
    found = [each for each in person.everything() if f"**#{number}** {words}" in each.text]
    return found[0] if found else None


def card(person, number=1):
    [found] = [
        each for each in person.everything() if f" · #{number}\n" in each.text and each.buttons
    ] or [None]
    return found


def labels(message):
    return [each.label for each in message.buttons]


async def failed(person, **options):
    """A clip that failed: its notice, once its card says so, too."""
    await ordered(person, **options)
    await until(lambda: notice(person) and card(person) and "Failed" in card(person).text)
    return notice(person)


@pytest.fixture
async def house(playground, tmp_path, paid):
    async with working(playground, tmp_path, providers={"held": refusing(paid)}) as house:
        yield house


async def awake(person, message):
    """Open the archived thread of a message, as people have to before they press in it."""
    person.go(message.channel_id)
    await person.say("once more")


async def jobs(house):
    return {job.id: job for job in await house.store.jobs.newest()}


@pytest.mark.parametrize("where", [notice, card])
async def test_try_again_orders_the_same_for_the_price_on_the_button(mira, paid, house, where):
    await failed(mira, duration=8, seed=7, aspect="9:16")
    message = where(mira)
    assert labels(message) == ["Try again · 8 credits", "✏️ Edit and try…"]
    paid.submits.clear()
    await pressed(mira, message, "Try again")
    await until(lambda: len(paid.submitted) == 2)
    first, second = (await jobs(house))[1], (await jobs(house))[2]
    assert (second.brief, second.price) == (first.brief, 8)
    assert (second.brief.seed, second.brief.prompt) == (7, "a fox")


@pytest.mark.parametrize("where", [notice, card])
async def test_edit_and_try_has_the_order_filled_in(mira, paid, house, where):
    await failed(mira, duration=8, aspect="9:16")
    opened = await answered(await mira.click(where(mira), "Edit and try"))
    fields = {each.custom_id: each.component for each in opened.modal.fields}
    assert fields["prompt"]["value"] == "a fox"
    assert fields["seconds"]["value"] == "8"
    chosen = {
        name: [each["value"] for each in fields[name]["options"] if each.get("default")]
        for name in ("resolution", "aspect")
    }
    assert chosen == {"resolution": ["720p"], "aspect": ["9:16"]}
    assert "As it was: 8 credits" in opened.modal.text
    assert WHY in opened.modal.text
    paid.submits.clear()
    await answered(await mira.fill(opened, prompt="a calm fox", seconds="6", resolution="1080p"))
    await until(lambda: len(paid.submitted) == 2)
    job = (await jobs(house))[2]
    assert (job.brief.prompt, job.brief.duration) == ("a calm fox", 6)
    assert (job.brief.resolution, job.brief.aspect, job.price) == ("1080p", "9:16", 6)


async def test_what_is_dearer_than_the_form_showed_is_asked_about(mira, paid, house):
    await failed(mira)
    opened = await answered(await mira.click(notice(mira), "Edit and try"))
    sent = await answered(await mira.fill(opened, seconds="10"))
    assert "The price changed from 6 credits" in sent.message.text
    assert len(await jobs(house)) == 1
    paid.submits.clear()
    await pressed(mira, sent.message, "Order it · 10 credits")
    await until(lambda: len(paid.submitted) == 2)


async def test_what_is_not_made_is_offered_as_it_is(mira, paid, house):
    await failed(mira)
    opened = await answered(await mira.click(notice(mira), "Edit and try"))
    sent = await answered(await mira.fill(opened, seconds="7"))
    assert "makes 6, 8 or 10 s" in sent.message.text
    assert "Order 6 s at 720p · 6 credits (held)" in labels(sent.message)
    sent = await answered(await mira.fill(opened, seconds="soon"))
    assert "not a number of seconds" in sent.message.text


@pytest.mark.parametrize("where", [notice, card])
async def test_another_provider_makes_it_for_its_own_price(playground, tmp_path, mira, where):
    free = Maker("plain", PLAIN, price=DEAR)
    providers = {"held": refusing(paid_provider()), "plain": free}
    async with working(playground, tmp_path, providers=providers) as house:
        await failed(mira, provider="held")
        message = where(mira)
        assert labels(message)[2] == ("Other provider: 3 s at 480p · 300 credits (plain)")
        await pressed(mira, message, "Other provider")
        await clip_of(mira, 2)
        job = (await jobs(house))[2]
        assert (job.provider, job.price) == ("plain", 300)


async def test_a_provider_that_is_off_is_not_offered(playground, tmp_path, mira):
    providers = {"held": refusing(paid_provider()), "plain": Maker("plain", PLAIN)}
    async with working(playground, tmp_path, providers=providers) as house:
        by = By(guild_id=playground.guild.id, actor_id=1)
        await house.store.moderation.set_server(by, providers_off=frozenset({"plain"}))
        await house.studio.rules.load()
        assert labels(await failed(mira, provider="held")) == [
            "Try again · 6 credits",
            "✏️ Edit and try…",
        ]


@pytest.mark.parametrize("label", ["Try again", "Other provider"])
async def test_pressed_twice_it_is_one_clip(playground, tmp_path, mira, label):
    held, other = refusing(paid_provider()), Held(name="other")
    async with working(playground, tmp_path, providers={"held": held, "other": other}) as house:
        message = await failed(mira, provider="held")
        held.submits.clear()
        for each in await asyncio.gather(*(mira.click(message, label) for _ in range(2))):
            await answered(each)
        await until(lambda: len(held.submitted) + len(other.submitted) == 2)
        late = await pressed(mira, message, label)
        assert late.message.text == "That is already ordered."
        assert len(await jobs(house)) == 2


async def test_who_may_build_on_a_clip_may_try_it_again_and_pays(
    playground, mira, jonas, paid, house
):
    message = await failed(mira)
    thread = await thread_of(house)
    jonas.go(thread)
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, changed_by=ChangedBy.REQUESTER)
    for label in ("Try again", "Edit and try"):
        refused = await answered(await jonas.click(message, label))
        assert refused.message.text == (
            f"In this server, only <@{mira.id}> and moderators can build on #1."
        )
    assert len(await jobs(house)) == 1
    await house.store.moderation.set_server(by, changed_by=ChangedBy.ANYONE)
    paid.submits.clear()
    await pressed(jonas, message, "Try again")
    await until(lambda: len(paid.submitted) == 2)
    assert (await jobs(house))[2].user_id == jonas.id


async def expired(provider, playground, mira):
    provider.limits = type(provider.limits)(
        **{
            **{name: getattr(provider.limits, name) for name in provider.limits.__slots__},
            "max_runtime": 60,
        }
    )
    await ordered(mira)
    await until(lambda: provider.polled)
    playground.clock.advance(600)


@pytest.mark.parametrize("ended", ["failed", "took too long", "was canceled"])
async def test_a_month_and_a_restart_later_it_works_all_the_same(playground, tmp_path, mira, ended):
    held = paid_provider()
    async with working(playground, tmp_path, providers={"held": held}) as house:
        if ended == "failed":
            refusing(held)
            await ordered(mira)
        elif ended == "took too long":
            await expired(held, playground, mira)
        else:
            await ordered(mira)
            await until(lambda: held.polled)
            shown = await until(lambda: card(mira))
            await pressed(mira, shown, "Cancel")
        if ended != "was canceled":  # who cancels their own clip is told by its card alone
            await until(lambda: notice(mira, words=ended))
        await until(lambda: card(mira) and "Try again" in str(labels(card(mira))))
    playground.clock.advance(31 * 86_400)
    again = paid_provider()
    async with working(playground, tmp_path, providers={"held": again}) as house:
        message = notice(mira, words=ended) or card(mira)
        await awake(mira, message)
        opened = await answered(await mira.click(message, "Edit and try"))
        await answered(await mira.fill(opened, prompt="another fox"))
        await until(lambda: len(again.submitted) == 1)
        await pressed(mira, card(mira), "Try again")
        await until(lambda: len(again.submitted) == 2)
        assert [job.brief.prompt for job in (await jobs(house)).values()] == [
            "a fox",
            "another fox",
            "a fox",
        ]


async def test_a_price_that_went_up_since_is_asked_about(playground, tmp_path, mira):
    async with working(playground, tmp_path, providers={"held": refusing(paid_provider())}):
        message = await failed(mira)
    dear = Maker("held", PLAIN, price=DEAR)
    dear.models = paid_provider().models
    model = dear.models[0]
    made = type(model.capabilities[0])(
        **{
            **{n: getattr(model.capabilities[0], n) for n in model.capabilities[0].__slots__},
            "price": DEAR,
        }
    )
    dear.models = (type(model)(name=model.name, title=model.title, capabilities=(made,)),)
    async with working(playground, tmp_path, providers={"held": dear}, dailies_quota=9999) as house:
        asked = await pressed(mira, message, "Try again · 6 credits")
        assert "The price changed from 6 credits" in asked.message.text
        assert len(await jobs(house)) == 1


async def test_a_lost_reply_orders_it_once(playground, mira, paid, house):
    message = await failed(mira)
    paid.submits.clear()
    lost = playground.trouble("POST", r"/callback$", LOST_502, times=1)
    await mira.click(message, "Try again")
    await until(lambda: len(paid.submitted) == 2)
    assert lost.met
    assert len(await jobs(house)) == 2
    assert not [each for each in mira.everything() if "already" in each.text]


@pytest.mark.long
async def test_an_input_that_is_gone_is_said_in_one_sentence(playground, tmp_path, mira, media):
    plain = refusing(Maker("plain", PLAIN))
    hosts = frozenset({playground.api_url.split("/")[2]})
    providers = {"plain": plain}
    async with working(playground, tmp_path, providers=providers, loopback=hosts) as house:
        asked = await mira.type("/video image", prompt="it wakes", image=media.picture)
        await asked.answered
        message = await until(lambda: notice(mira))
        plain.submits.clear()
        job = await house.store.jobs.get(1)
        (house.settings.dailies_data / job.brief.image.file).unlink()
        await pressed(mira, message, "Try again")
        again = await clip_of(mira, 2)
        assert again is not None, "its link still leads to the same file"
        (house.settings.dailies_data / job.brief.image.file).unlink()
        playground.clock.advance(31 * 86_400)
        await awake(mira, message)
        opened = await answered(await mira.click(message, "Edit and try"))
        await answered(await mira.fill(opened, prompt="it sleeps"))
        said = await mira.wait_for("is no longer kept")
        assert said.text == (
            "The image of #1 is no longer kept, and its link has expired. Order the clip again "
            "with `/video image` and the file."
        )
        assert len(await jobs(house)) == 2


async def test_a_clip_that_came_after_all_is_not_ordered_again(playground, tmp_path, mira):
    held = paid_provider()
    async with working(playground, tmp_path, providers={"held": held}) as house:
        await expired(held, playground, mira)
        message = await until(lambda: notice(mira, words="took too long"))
        held.finished = True

        async def came():
            playground.clock.advance(60)
            return (await house.store.jobs.get(1)).state is State.DONE

        await until(came)
        said = await pressed(mira, message, "Try again")
        assert said.message.text == "#1 was made after all. `/video show clip:#1` shows it."
        assert len(await jobs(house)) == 1


@pytest.mark.long
async def test_a_failed_extension_made_here_begins_with_the_same_frame(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira, duration=1)
        refusing(plain)
        await mira.react(clip, "⏩")
        message = await until(lambda: notice(mira, 2))
        plain.submits.clear()
        frame = (await house.store.jobs.get(2)).brief.image.file
        (house.settings.dailies_data / frame).unlink()
        await pressed(mira, message, "Try again")
        await clip_of(mira, 3)
        assert plain.orders[-1].plan.clip.take == 1


async def test_a_failed_first_clip_has_no_board(mira, paid, house):
    message = await failed(mira)
    mira.go(message.channel_id)
    assert not [each for each in mira.everything() if "### Takes" in each.text]
    await pressed(mira, message, "Try again")
    await until(lambda: notice(mira, 2))
    await asyncio.sleep(0.3)
    assert not [each for each in mira.everything() if "### Takes" in each.text]
    assert (await house.store.takes.tally(message.channel_id)).made == 0
