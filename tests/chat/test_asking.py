"""“Ask a moderator” reaches somebody: their channel, the system channel, or the server's owner."""

import pytest

from storage import By
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider, pressed, said
from tests.rig.taking import answered

CARD = "A clip over their quota"
OWNER = "The server's owner was asked by direct message."


@pytest.fixture
async def refused(ada, mira, paid_house):
    """An order over the quota, as its person reads it. No moderator channel is chosen."""
    await said(ada, "/quota set", amount="0", who="mira")
    message = (await ordered(mira, prompt="a secret fox")).message
    assert [each.label for each in message.buttons] == ["🙋 Ask a moderator"]
    return message


def cards(person):
    return [each for each in person.everything() if CARD in each.text]


def to_owner(playground):
    """What the owner was sent directly."""
    world, owner = playground.world, playground.guild.owner_id
    direct = [
        each.id for each in world.channels.values() if owner in getattr(each, "recipient_ids", ())
    ]
    return [message for channel in direct for message in world.messages[channel].values()]


async def ask(person, message):
    """Press the button; what its person is told."""
    done = await answered(await pressed(person, message, "Ask a moderator"))
    return done.message.text


async def system_channel(playground, house, name):
    channel = playground.channel(name)
    playground.world.edit_guild(playground.guild.id, {"system_channel_id": channel.id})
    [guild] = house.bot.guilds
    await until(lambda: guild.system_channel is not None and guild.system_channel.id == channel.id)
    return channel


async def test_the_system_channel_is_asked_without_the_prompt_where_all_read_it(
    playground, ada, mira, paid, paid_house, refused
):
    channel = await system_channel(playground, paid_house, "videos")
    assert await ask(mira, refused) == "The moderators were asked. You'll hear what they decide."
    card = await ada.wait_for(CARD)
    assert card.channel_id == channel.id
    assert "secret" not in card.text
    assert to_owner(playground) == []
    await pressed(ada, card, "Grant 1")
    told = await mira.wait_for("gave you 6 credits")
    await pressed(mira, told, "Order 6 s")
    await until(lambda: len(paid.submitted) == 1)


async def test_where_only_moderators_read_it_the_prompt_is_quoted(
    playground, ada, mira, paid_house, refused
):
    channel = await system_channel(playground, paid_house, "moderators")
    await ask(mira, refused)
    card = await ada.wait_for(CARD)
    assert card.channel_id == channel.id
    assert "a secret fox" in card.text


@pytest.mark.parametrize("why", ["there is none", "the bot may not post there"])
async def test_else_the_owner_is_asked_directly(playground, ada, mira, paid_house, refused, why):
    if why == "the bot may not post there":
        channel = await system_channel(playground, paid_house, "storyboards")
        bot = playground.world.bot_user.id
        playground.world.set_permissions(channel.id, bot, deny=["send_messages"])
    assert await ask(mira, refused) == OWNER
    [message] = to_owner(playground)
    text = str(message.components)
    assert CARD in text
    assert f"`/quota grant` for <@{mira.id}> with 6 credits" in text
    assert "custom_id" not in text, "buttons need a server"
    assert cards(ada) == []
    assert await ask(mira, refused) == "The moderators were already asked about this."
    assert len(to_owner(playground)) == 1


async def test_a_chosen_channel_that_is_closed_is_no_dead_end(
    playground, ada, mira, paid_house, refused
):
    by = By(guild_id=playground.guild.id, actor_id=ada.id)
    await paid_house.store.moderation.set_server(by, moderators=4711)
    assert await ask(mira, refused) == OWNER


async def test_where_nobody_is_reached_one_sentence_says_what_to_do(
    playground, ada, mira, paid_house, refused
):
    playground.refuse("POST", r"/users/@me/channels$", 403, 50007)
    text = await ask(mira, refused)
    assert text.startswith("I can't reach this server's moderators, so ask one yourself.")
    assert "`/quota grant`" in text
    assert await ask(mira, refused) == OWNER, "asked again, it is tried again"


async def test_it_is_asked_after_a_restart_too(playground, tmp_path, ada, mira):
    providers = {"held": paid_provider()}
    async with working(playground, tmp_path, providers=providers):
        await said(ada, "/quota set", amount="0", who="mira")
        refused = (await ordered(mira)).message
    async with working(playground, tmp_path, providers=providers):
        assert await ask(mira, refused) == OWNER
        assert len(to_owner(playground)) == 1
