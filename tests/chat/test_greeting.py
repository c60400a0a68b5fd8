"""A server that the bot joins is greeted once, where everybody sees it."""

import asyncio

from simcord.backend import serializers

from playground.discord.trouble import RESET
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import paid_provider, pressed

HELLO = "Hello, I'm Dailies"


def told_again(playground, guild):
    """Discord tells of a server that the bot joined, as if it just had."""
    playground.world.emit("GUILD_DELETE", {"id": str(guild.id)})
    playground.world.emit("GUILD_CREATE", serializers.guild_create_payload(playground.world, guild))


def greetings(playground, guild):
    """Every greeting that stands in a server: the channel's name and the message."""
    world = playground.world
    return [
        (channel.name, message)
        for channel in world.channels.values()
        if channel.guild_id == guild.id
        for message in world.messages.get(channel.id, {}).values()
        if HELLO in str(message.components)
    ]


async def seen(house, guild):
    """Once nothing is left to be done about a server that the bot knows of."""

    async def over():
        rows = await house.store.writer.read(
            lambda db: db.execute(
                "SELECT due FROM greeting WHERE guild_id = ?", (guild.id,)
            ).fetchall()
        )
        return [row[0] for row in rows] == [0]

    await until(over)


def joined(playground, name="Elsewhere", channels=("general", "films")):
    world = playground.world
    boss = world.make_user(f"{name} boss")
    guild = world.add_guild(name, people=[boss.id], channels=channels)
    playground.world.extras["people"][boss.name] = boss.id
    return guild, playground.person(boss.name)


async def test_a_server_is_greeted_with_a_price_and_a_button(playground, paid_house):
    guild, boss = joined(playground)
    boss.go(playground.world.find_channel("general", guild.id).id)
    told_again(playground, guild)
    hello = await boss.wait_for(HELLO)
    assert "costs from 6 credits (≈ $0.06)" in hello.text
    assert (
        "each member can spend 500 credits a day, and the whole server 2,000 credits" in hello.text
    )
    assert [each.label for each in hello.buttons] == ["⚙️ Set up", "❓ Help"]
    refused = await pressed(boss, hello, "do:setup")
    assert refused.message.text.startswith("Only moderators can do this.")
    assert refused.ephemeral
    role = playground.world.create_role(guild.id, "Boss", permissions=1 << 5)
    playground.world.add_member_role(guild.id, boss.id, role.id)
    asked = await pressed(boss, hello, "do:setup")
    panel = await until(lambda: asked.message if asked.message and asked.message.text else None)
    assert "Setup: where it works" in panel.text
    assert asked.ephemeral


async def test_it_is_greeted_once_however_often_discord_tells_of_it(playground, tmp_path, paid):
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        guild, _ = joined(playground)
        for _ in range(3):
            told_again(playground, guild)
        await seen(house, guild)
        await until(lambda: greetings(playground, guild))
        playground.world.outage(guild.id)
        playground.world.recover(guild.id)
        await playground.gateway.drop()
        await until(lambda: not house.bot.is_closed() and house.bot.get_guild(guild.id))
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        told_again(playground, guild)
        await asyncio.sleep(0)
        await seen(house, guild)
        newer, _ = joined(playground, "Newer")
        told_again(playground, newer)
        await until(lambda: greetings(playground, newer))
        assert len(greetings(playground, guild)) == 1


async def test_servers_that_were_already_there_are_not_greeted(playground, tmp_path):
    guild, _ = joined(playground, "Early")
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}) as house:
        await seen(house, guild)
        await seen(house, playground.guild)
        newer, _ = joined(playground, "Newer")
        told_again(playground, newer)
        await until(lambda: greetings(playground, newer))
        assert not greetings(playground, guild)
        assert not greetings(playground, playground.guild)


async def test_one_that_was_joined_while_nobody_ran_the_bot_is_greeted(playground, tmp_path):
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}) as house:
        await seen(house, playground.guild)
    guild, _ = joined(playground, "Meanwhile")
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}) as house:
        await until(lambda: greetings(playground, guild))
        assert not greetings(playground, playground.guild)


async def test_the_system_channel_comes_first_then_what_everybody_sees(playground, paid_house):
    world = playground.world
    guild, _ = joined(playground, "System", channels=("general", "welcome"))
    guild.system_channel_id = world.find_channel("welcome", guild.id).id
    told_again(playground, guild)
    await until(lambda: greetings(playground, guild))
    [(where, _)] = greetings(playground, guild)
    assert where == "welcome"

    guild, _ = joined(playground, "Hidden", channels=("welcome", "secret", "general"))
    bot = world.bot_role(guild.id).id
    channels = {name: world.find_channel(name, guild.id) for name in ("welcome", "secret")}
    guild.system_channel_id = channels["welcome"].id
    world.set_permissions(channels["welcome"].id, bot, deny=["send_messages"])
    world.set_permissions(channels["secret"].id, guild.id, deny=["view_channel"])
    world.set_permissions(channels["secret"].id, bot, allow=["view_channel"])
    told_again(playground, guild)
    await until(lambda: greetings(playground, guild))
    [(where, _)] = greetings(playground, guild)
    assert where == "general"
    assert not [each for each in playground.requests if each.status == 403], "nothing was tried"


async def test_nothing_is_said_where_the_bot_may_post_nowhere(playground, paid_house):
    world = playground.world
    guild, _ = joined(playground, "Mute", channels=("general",))
    bot = world.bot_role(guild.id).id
    world.set_permissions(world.find_channel("general", guild.id).id, bot, deny=["send_messages"])
    told_again(playground, guild)
    await seen(paid_house, guild)
    assert not greetings(playground, guild)


async def test_a_greeting_whose_answer_was_lost_stands_once(playground, tmp_path, paid):
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        await seen(house, playground.guild)
        guild, _ = joined(playground)
        general = playground.world.find_channel("general", guild.id).id
        lost = playground.trouble("POST", rf"/channels/{general}/messages$", RESET)
        told_again(playground, guild)
        await until(lambda: lost.met)
    playground.clock.advance(3600)  # Discord does not know our name for it any more
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        await seen(house, guild)
        assert len(greetings(playground, guild)) == 1


async def test_a_server_that_the_operator_does_not_serve_is_not_greeted(playground, tmp_path):
    serves = frozenset({playground.guild.id})
    provider = Maker("p", PLAIN)
    async with working(
        playground, tmp_path, providers={"p": provider}, dailies_servers=serves
    ) as house:
        guild, _ = joined(playground)
        told_again(playground, guild)
        await until(lambda: house.bot.get_guild(guild.id))
        await seen(house, playground.guild)
        due = await house.bot.greetings.see({guild.id}, joined=guild.id)
        assert due == []
        assert not greetings(playground, guild)
