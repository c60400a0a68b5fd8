"""/help says what somebody can do where they are, and its buttons do it."""

import re

from bot.chat.help import FOR_ALL, FOR_MODERATORS, REACTIONS
from storage import By, Period, Whose
from tests.chat.test_permissions import MENUS, leaves
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered, paid_provider, pressed, said, turned
from tests.rig.taking import clip_of


def labels(message):
    return [each.label for each in message.buttons]


async def limited(playground, house, **changes):
    by = By(guild_id=playground.guild.id, actor_id=1, why=changes.pop("why", ""))
    await house.store.moderation.set_server(by, **changes)
    return by


async def test_a_member_sees_what_they_can_do_and_moderators_see_more(ada, mira, paid_house):
    shown = await said(mira, "/help")
    assert "can't order" not in shown.text
    assert "one: 6 credits (≈ $0.06)" in shown.text
    assert "studio" not in shown.text
    assert labels(shown) == [
        "🦊 Try an example · 6 credits",
        "⏳ My credits and the queue",
        "🔁 What reactions do",
    ]
    more = await said(ada, "/help")
    assert "studio setup" in more.text
    assert "quota grant" in more.text
    assert labels(more)[-1] == "⚙️ Set up"
    assert len(more.text) <= 4000


async def test_every_command_is_named_once_and_can_be_clicked(ada, paid_house):
    bot = paid_house.bot
    listed = [one for each in (FOR_ALL, FOR_MODERATORS) for row in each.values() for one in row]
    named = [each.qualified_name for each in leaves(bot)]
    commands = [each for each in named if each.startswith(("video ", "studio ", "quota "))]
    assert set(named) - set(commands) == {"help", *MENUS}
    assert sorted(listed) == sorted(commands), "each of them once"
    ids = {each.name: each.id for each in await bot.tree.fetch_commands()}
    text = (await said(ada, "/help")).text
    clicked = re.findall(r"</(\w+)((?: \w+)*):(\d+)>", text)
    assert {f"{group}{leaf}" for group, leaf, _ in clicked} == set(listed)
    assert all(ids[group] == int(number) for group, _, number in clicked)


async def test_commands_are_clickable_after_a_restart_that_registers_nothing(
    playground, tmp_path, mira
):
    for _ in range(2):
        plain = Maker("plain", PLAIN)
        async with working(playground, tmp_path, providers={"plain": plain}) as house:
            known = house.bot.command_ids["video"]
            assert f"</video text:{known}>" in (await said(mira, "/help")).text
    registered = [each for each in playground.requests if each.method == "PUT"]
    assert len([each for each in registered if each.path.endswith("/commands")]) == 1


async def test_the_example_opens_a_form_that_orders_at_the_price_it_shows(mira, paid, paid_house):
    shown = await said(mira, "/help")
    opened = await pressed(mira, shown, "do:example")
    assert opened.modal is not None
    assert "6 credits (≈ $0.06)" in str(opened.modal)
    assert "red fox" in str(opened.modal)
    await (await mira.fill(opened)).answered
    job = await until(lambda: paid_house.store.jobs.get(1))
    assert job.brief.prompt.startswith("A red fox")
    assert (job.price, job.user_id) == (6, mira.id)


async def test_a_price_that_rose_meanwhile_is_asked_about(playground, tmp_path, mira):
    dear, cheap = paid_provider(name="dear"), Maker("cheap", PLAIN)
    async with working(playground, tmp_path, providers={"dear": dear, "cheap": cheap}) as house:
        opened = await pressed(mira, await said(mira, "/help"), "do:example")
        assert "free" in str(opened.modal)
        await limited(playground, house, providers_off={"cheap"})
        await (await mira.fill(opened)).answered
        told = await mira.wait_for("The price changed from 0 credits to 6 credits")
        assert told.ephemeral
        assert await house.store.jobs.get(1) is None


async def test_the_second_button_shows_credits_and_the_queue(mira, paid, paid_house):
    await ordered(mira, prompt="a lighthouse")
    asked = await pressed(mira, await said(mira, "/help"), "do:credits")
    shown = await until(lambda: asked.message if asked.message and asked.message.text else None)
    assert asked.ephemeral
    assert "494 credits left" in shown.text
    assert "a lighthouse" in shown.text


async def test_the_third_button_explains_the_reactions(mira, paid_house):
    asked = await pressed(mira, await said(mira, "/help"), "do:reactions")
    assert asked.message.text == REACTIONS
    assert asked.ephemeral


async def test_who_may_not_order_hears_why_and_whom_to_ask(playground, mira, ada, paid_house):
    whom = (
        f"Ask somebody who has the Manage Server permission, such as <@{playground.guild.owner_id}>"
    )
    cases = []
    boards = playground.channel("storyboards").id
    await limited(playground, paid_house, channels={boards})
    cases.append((await said(mira, "/help"), f"Use <#{boards}>."))
    await limited(playground, paid_house, channels=set(), paused="the card expired")
    cases.append((await said(mira, "/help"), f"Reason: the card expired. {whom}"))
    by = await limited(playground, paid_house, paused=None)
    await paid_house.store.moderation.block(by, mira.id)
    cases.append((await said(mira, "/help"), f"blocked you from ordering clips. {whom}"))
    await paid_house.store.moderation.unblock(by, mira.id)
    await paid_house.store.moderation.set_rule(by, Whose.MEMBER, 5, Period.DAY)
    cases.append(
        (await said(mira, "/help"), f"your limit is 5 a day. A moderator can raise it. {whom}")
    )
    for shown, why in cases:
        assert "**You can't order clips here now.**" in shown.text
        assert why in shown.text
        assert "Try an example" not in " ".join(labels(shown))
        assert shown.mentions == ()
    theirs = await said(ada, "/help")
    assert "Ask somebody" not in theirs.text, "a moderator is not sent to one"


async def test_missing_permissions_are_named(playground, mira, paid_house):
    bot = playground.world.bot_role(playground.guild.id).id
    playground.world.set_permissions("videos", bot, deny=["attach_files"])
    shown = await said(mira, "/help")
    assert "I'm missing permissions in" in shown.text
    assert "Attach Files" in shown.text


async def test_the_form_refuses_where_the_bot_cannot_work(playground, mira, paid_house):
    shown = await said(mira, "/help")
    bot = playground.world.bot_role(playground.guild.id).id
    playground.world.set_permissions("videos", bot, deny=["attach_files"])
    refused = await pressed(mira, shown, "do:example")
    assert "Attach Files" in refused.message.text


async def test_it_fits_whatever_a_server_set(playground, ada, mira, paid_house):
    long = "*_~`|<>[]()#+-:.!" * 11
    await limited(playground, paid_house, paused=long[:200], why=long[:200])
    channels = {10**18 + each for each in range(25)}
    for change in ({}, {"channels": channels}):
        await limited(playground, paid_house, **change)
        for person in (ada, mira):
            shown = await said(person, "/help")
            assert len(shown.text) <= 4000
            assert "video text" in shown.text


async def test_the_setup_button_is_for_moderators(playground, ada, mira, paid_house):
    asked = await pressed(ada, await said(ada, "/help"), "do:setup")
    panel = await until(lambda: asked.message if asked.message and asked.message.text else None)
    assert "Setup: where it works" in panel.text
    assert "who goes first" in (await turned(ada, panel, "Queue")).text


async def test_what_a_clip_from_the_form_becomes_is_posted(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}):
        opened = await pressed(mira, await said(mira, "/help"), "do:example")
        await (await mira.fill(opened, prompt="an owl")).answered
        assert (await clip_of(mira)).attachments
