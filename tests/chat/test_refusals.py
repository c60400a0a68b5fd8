"""A refusal helps: it names the limit, offers what fits, and a moderator can be asked."""

import pytest

from storage import By
from tests.rig.house import until, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.paid import ordered, paid_provider, pressed, said, turned
from tests.rig.taking import first_clip


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
    assert "this clip costs 10, and" in refused.text
    assert [each.label for each in refused.buttons] == [
        "Order 6 s at 720p · 6 credits (held)",
        "🙋 Ask a moderator",
    ]
    await pressed(mira, refused, "Order 6 s")
    card = await mira.wait_for(lambda each: "Rendering" in each.text or "Sent" in each.text)
    assert "6 s" in card.text
    [job] = await paid_house.store.jobs.newest()
    assert (job.price, job.brief.duration, job.brief.prompt) == (6, 6, "a fox")
    again = await pressed(mira, refused, "Order 6 s")
    assert again.message.text == "That is already ordered."
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
    with pytest.raises(Exception, match="has expired"):
        from bot.orders.requester import Requester

        requester = Requester(guild_id=playground.guild.id, channel_id=1, user_id=jonas.id)
        await paid_house.bot.refusals.order(1, requester, way=0)


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
    assert "were already asked about this" in again.message.text


async def test_a_moderator_denies_after_the_token_died_and_the_person_is_pinged(
    playground, ada, mira, paid, paid_house, asked_in
):
    await said(ada, "/quota set", amount="0", who="mira")
    refused = (await ordered(mira)).message
    await pressed(mira, refused, "Ask a moderator")
    card = await ada.wait_for("A clip over their quota")
    playground.clock.advance(20 * 60)
    await pressed(ada, card, "Deny")
    told = await mira.wait_for("declined your clip for 6 credits")
    assert told.mentions == (mira.id,)
    assert not told.ephemeral
    page = await said(ada, "/quota audit")
    assert f"<@{ada.id}> **refused a clip** <@{mira.id}>" in page.text


async def test_a_moderator_reads_about_the_grant_where_nobody_could_be_told(
    playground, ada, mira, paid, paid_house, asked_in
):
    """The channel does not take the answer, and direct messages are closed."""
    await said(ada, "/quota set", amount="0", who="mira")
    refused = (await ordered(mira)).message
    await pressed(mira, refused, "Ask a moderator")
    card = await ada.wait_for("A clip over their quota")
    playground.clock.advance(20 * 60)
    playground.refuse("POST", r"^/channels/\d+/messages$", 403, 50013)
    playground.refuse("POST", r"^/users/@me/channels$", 403, 50007)
    await pressed(ada, card, "Grant 1")
    told = await ada.wait_for("Done, but I couldn't tell")
    assert told.ephemeral
    assert f"<@{mira.id}>" in told.text
    assert not [each for each in ada.everything() if "Discord doesn't let me" in each.text]
    card = ada.message(card.id)
    assert "granted 6 credits" in card.text


async def test_a_used_up_budget_is_told_once_and_resumed_with_one_click(
    ada, mira, paid, paid_house, asked_in
):
    await said(ada, "/quota budget", amount="12")
    await ordered(mira)
    await ordered(mira)
    alarm = await ada.wait_for("The budget is used up")
    assert "Used today: 12 of 12 credits" in alarm.text
    refused = (await ordered(mira)).message
    assert "this server has used its 12 for today" in refused.text
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
    await pressed(ada, card, "Let orders go over the budget")
    told = await mira.wait_for("approved your clip for 6 credits")
    await pressed(mira, told, "Order 6 s")
    await until(lambda: len(paid.submitted) == 1)


async def test_a_dear_order_is_asked_about_once_more(ada, mira, paid, paid_house):
    panel = await said(ada, "/studio setup")
    panel = await turned(ada, panel, "Money")
    form = await ada.click(panel, "Ask above a price…")
    await form.answered
    await (await ada.fill(form, credits="5")).answered
    asked = (await ordered(mira)).message
    assert "This server asks before any clip over 5 credits" in asked.text
    assert paid.submitted == []
    await pressed(mira, asked, "Order it · 6 credits")
    await until(lambda: len(paid.submitted) == 1)


def _alarms(person):
    """What the moderators were told of the budget, by its first line."""
    person.go("moderators")
    heads = [each.text.partition("\n")[0] for each in person.messages() if "budget is" in each.text]
    person.go("videos")
    return heads


USED_UP, MOST = "### The budget is used up", "### 80% of the budget is used"


async def test_moderators_hear_of_80_percent_and_then_of_all(ada, mira, paid_house, asked_in):
    await said(ada, "/quota budget", amount="15")
    await ordered(mira)
    await ordered(mira)
    alarm = await ada.wait_for("80% of the budget is used")
    assert "Used today: 12 of 15 credits (≈ $0.12)" in alarm.text
    assert not alarm.buttons
    await ordered(mira)
    await ada.wait_for("The budget is used up")
    assert _alarms(ada) == [MOST, USED_UP]


async def test_a_raised_budget_rings_anew(ada, mira, paid_house, asked_in):
    await said(ada, "/quota budget", amount="6")
    await ordered(mira)
    await ada.wait_for("The budget is used up")
    await said(ada, "/quota budget", amount="12")
    await ordered(mira)
    await until(lambda: _alarms(ada) == [USED_UP, USED_UP])


async def test_an_alarm_waits_for_a_channel(ada, mira, paid_house):
    await said(ada, "/quota budget", amount="6")
    await ordered(mira)
    await until(lambda: paid_house.store.moderation.untold())
    panel = await said(ada, "/studio setup")
    await (await ada.choose(panel, "do:set:moderators", "moderators")).answered
    await ada.wait_for("The budget is used up")
    await until(lambda: _no_alarm_is_due(paid_house))


@pytest.mark.long
async def test_an_alarm_that_could_not_be_posted_is_posted_later(
    playground, ada, mira, paid_house, asked_in
):
    path = rf"/channels/{playground.channel('moderators').id}/messages$"
    playground.refuse("POST", path, 503, 0, times=1)
    await said(ada, "/quota budget", amount="6")
    await ordered(mira)
    await ada.wait_for("The budget is used up")
    await until(lambda: _no_alarm_is_due(paid_house))
    assert _alarms(ada) == [USED_UP]


async def _no_alarm_is_due(house):
    return await house.store.moderation.untold() == []


async def test_an_alarm_outlives_the_bot(playground, tmp_path, ada, mira):
    """Chosen while the post failed: it is told after the next start."""
    providers = {"held": paid_provider()}
    async with working(playground, tmp_path, providers=providers) as house:
        by = By(guild_id=playground.guild.id, actor_id=ada.id)
        await house.store.moderation.set_server(by, moderators=4711)
        await said(ada, "/quota budget", amount="6")
        await ordered(mira)
        await until(lambda: house.store.moderation.untold())
        await house.store.moderation.set_server(by, moderators=playground.channel("moderators").id)
    async with working(playground, tmp_path, providers=providers):
        await ada.wait_for("The budget is used up")


async def test_a_refusal_by_reaction_rings_too(playground, tmp_path, ada, mira):
    plain = Maker("plain", PLAIN, price=DEAR)
    async with working(
        playground, tmp_path, providers={"plain": plain}, dailies_quota=9999, dailies_budget=9999
    ):
        panel = await said(ada, "/studio setup")
        await (await ada.choose(panel, "do:set:moderators", "moderators")).answered
        clip = await first_clip(mira, duration=1)
        await said(ada, "/quota budget", amount="150")
        mira.go(clip.channel_id)
        await mira.react(clip, "🔁")
        await mira.wait_for("this server doesn't have enough credits left right now")
        await ada.wait_for("The budget is used up")


async def test_what_is_left_of_a_budget_may_be_passed(ada, mira, paid_house):
    """3 of 15 credits are left, and no clip costs so little."""
    await said(ada, "/quota budget", amount="15")
    await ordered(mira)
    await ordered(mira)
    assert (await said(ada, "/quota budget")).buttons == ()
    assert (await ordered(mira)).ephemeral
    await until(lambda: paid_house.store.moderation.untold())
    shown = await said(ada, "/quota budget")
    assert "Orders over 3 credits were refused." in shown.text
    assert [each.label for each in shown.buttons] == ["▶️ Let orders go over the budget"]
    resumed = await said(ada, "/studio resume")
    assert "the budget has only 3 credits left" in resumed.text
    assert (await ordered(mira)).ephemeral
    resumed = await said(ada, "/studio resume", past_budget=True)
    assert resumed.text == "Orders are open again. They can go over the budget until it resets."
    assert not (await ordered(mira)).ephemeral
    assert (await said(ada, "/quota budget")).buttons == ()


async def test_the_button_of_the_budget_does_the_same(ada, mira, paid_house):
    await said(ada, "/quota budget", amount="8")
    await ordered(mira)
    assert (await ordered(mira)).ephemeral
    await until(lambda: paid_house.store.moderation.untold())
    shown = await said(ada, "/quota budget")
    done = await pressed(ada, shown, "Let orders go over the budget")
    assert done.message.text.endswith("go over the budget until it resets.")
    assert not (await ordered(mira)).ephemeral
