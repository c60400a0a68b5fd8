"""A refusal helps: it names the limit, offers what fits, and a moderator can be asked."""

import pytest

from tests.house import until
from tests.paid import ordered, pressed, said


@pytest.fixture
async def asked_in(playground, ada, paid_house):
    """The moderators are asked in #moderators."""
    panel = await said(ada, "/studio setup")
    await (await ada.choose(panel, "do:set:moderators", "moderators")).answered
    ada.go("moderators")
    await ada.wait_for("chose this channel")
    ada.go("videos")


async def test_what_would_fit_is_ordered_with_one_button(ada, mira, paid, paid_house):
    await said(ada, "/quota set", amount="7", who="mira")
    refused = (await ordered(mira, duration=10)).message
    assert "This clip costs 10 credits" in refused.text
    assert [each.label for each in refused.buttons] == [
        "Order 6 s at 720p for 6 credits (held)",
        "🙋 Ask a moderator",
    ]
    await pressed(mira, refused, "Order 6 s")
    card = await mira.wait_for(lambda each: "Rendering" in each.text or "Sent" in each.text)
    assert "6 s" in card.text
    [job] = await paid_house.store.jobs.newest()
    assert (job.price, job.brief.duration, job.brief.prompt) == (6, 6, "a fox")
    again = await pressed(mira, refused, "Order 6 s")
    assert again.message.text == "That is ordered already."
    assert len(await paid_house.store.jobs.newest()) == 1, "pressed twice, it is one clip"


async def test_nobody_else_can_press_the_buttons_of_a_refusal(
    playground, ada, mira, paid, paid_house
):
    jonas = playground.person("jonas")
    await said(ada, "/quota set", amount="6")
    await ordered(mira, duration=10)
    kept = await paid_house.store.servers.refused(1, guild_id=playground.guild.id)
    assert kept.user_id == mira.id
    assert await paid_house.store.servers.refused(1, guild_id=4711) is None
    with pytest.raises(Exception, match="not there any more"):
        from bot.studio import Place

        place = Place(guild_id=playground.guild.id, channel_id=1, user_id=jonas.id)
        await paid_house.bot.refusals.order(1, place, less=True)


async def test_a_moderator_grants_and_the_person_is_told_privately(
    ada, mira, paid, paid_house, asked_in
):
    await said(ada, "/quota set", amount="0", who="mira")
    refused = (await ordered(mira)).message
    assert [each.label for each in refused.buttons] == ["🙋 Ask a moderator"]
    await pressed(mira, refused, "Ask a moderator")
    card = await ada.wait_for("A clip over their quota")
    assert [each.label for each in card.buttons] == [
        "Grant 1 (6 credits)",
        "Grant 5 (30 credits)",
        "Deny",
    ]
    await pressed(ada, card, "Grant 5")
    told = await mira.wait_for("gave you 30 credits")
    assert told.ephemeral
    await ada.wait_for(lambda each: each.id == card.id and "granted 30 credits" in each.text)
    await pressed(mira, told, "Order 6 s")
    await until(lambda: len(paid.submitted) == 1)
    stand = await paid_house.store.policy.standing(
        guild_id=paid_house.bot.guilds[0].id, user_id=mira.id, roles=()
    )
    assert stand.granted == 24
    again = await pressed(mira, refused, "Ask a moderator")
    assert "were asked about this already" in again.message.text


async def test_a_moderator_denies_after_the_token_died_and_the_person_is_pinged(
    playground, ada, mira, paid, paid_house, asked_in
):
    await said(ada, "/quota set", amount="0", who="mira")
    refused = (await ordered(mira)).message
    await pressed(mira, refused, "Ask a moderator")
    card = await ada.wait_for("A clip over their quota")
    playground.clock.advance(20 * 60)
    await pressed(ada, card, "Deny")
    told = await mira.wait_for("said no to your clip of 6 credits")
    assert told.mentions == (mira.id,)
    assert not told.ephemeral
    page = await said(ada, "/quota audit")
    assert f"<@{ada.id}> **deny** <@{mira.id}>" in page.text


async def test_without_a_channel_the_person_hears_whom_to_ask(ada, mira, paid, paid_house):
    await said(ada, "/quota set", amount="0", who="mira")
    refused = (await ordered(mira)).message
    done = await pressed(mira, refused, "Ask a moderator")
    found = await mira.wait_for("No channel for requests has been chosen")
    assert found.ephemeral
    assert done.state == "answered"


async def test_a_used_up_budget_is_told_once_and_resumed_with_one_click(
    ada, mira, paid, paid_house, asked_in
):
    await said(ada, "/quota budget", amount="12")
    await ordered(mira)
    await ordered(mira)
    alarm = await ada.wait_for("The budget is used up")
    assert "12 of 12 credits a day" in alarm.text
    refused = (await ordered(mira)).message
    assert "this server's budget is 12 a day, and nothing is left" in refused.text
    await pressed(ada, alarm, "Resume")
    assert not (await ordered(mira)).ephemeral
    ada.go("moderators")
    alarms = [each for each in ada.messages() if "The budget is used up" in each.text]
    assert len(alarms) == 1


async def test_a_moderator_lets_an_order_pass_the_budget(ada, mira, paid, paid_house, asked_in):
    await said(ada, "/quota budget", amount="3")
    refused = (await ordered(mira)).message
    await pressed(mira, refused, "Ask a moderator")
    card = await ada.wait_for("A clip over the server's budget")
    await pressed(ada, card, "Let orders pass the budget")
    told = await mira.wait_for("let you order your clip of 6 credits")
    await pressed(mira, told, "Order 6 s")
    await until(lambda: len(paid.submitted) == 1)


async def test_a_dear_order_is_asked_about_once_more(ada, mira, paid, paid_house):
    panel = await said(ada, "/studio setup")
    form = await ada.click(panel, "Ask above a price…")
    await form.answered
    await (await ada.fill(form, credits="5")).answered
    asked = (await ordered(mira)).message
    assert "above 5 this server asks once more" in asked.text
    assert paid.submitted == []
    await pressed(mira, asked, "Order it for 6 credits")
    await until(lambda: len(paid.submitted) == 1)
