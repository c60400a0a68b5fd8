"""The playground takes answers to interactions, and commands, by Discord's own rules."""

from typing import Any

import aiohttp
import discord
import pytest

from playground import Playground
from tests.rig.raw_calls import SMALL, Keeper, Raw, command, option, raw
from tests.rig.toybot import connected

__all__ = ["raw"]


# ---------------------------------------------------------------------- interactions


async def test_an_interaction_is_acknowledged_once_and_within_three_seconds(
    playground: Playground,
) -> None:
    async with connected(playground, bot := Keeper()):
        once = await bot.asked(playground)
        await once.response.send_message("one")
        once.response._response_type = None  # as if another process had answered
        with pytest.raises(discord.HTTPException) as twice:
            await once.response.send_message("two")
        assert (twice.value.status, twice.value.code) == (400, 40060)
        late = await bot.asked(playground)
        playground.clock.advance(3)
        with pytest.raises(discord.NotFound) as refused:
            await late.response.defer()
        assert refused.value.code == 10062
        with pytest.raises(discord.NotFound) as webhook:
            await late.followup.send("x")
        assert webhook.value.code == 10015


async def test_an_answer_that_was_refused_does_not_use_up_the_interaction(
    playground: Playground,
) -> None:
    async with connected(playground, bot := Keeper()):
        asked = await bot.asked(playground)
        with pytest.raises(discord.HTTPException) as refused:
            await asked.response.send_message("x" * 2001)
        assert refused.value.code == 50035
        asked.response._response_type = None
        await asked.response.send_message("short")
        assert (await playground.person("mira").wait_for("short")).author == "Dailies"


async def test_a_token_dies_after_fifteen_minutes(playground: Playground) -> None:
    async with connected(playground, bot := Keeper()):
        asked = await bot.asked(playground)
        await asked.response.send_message("public")
        shown = await asked.original_response()
        playground.clock.advance(899)
        await asked.edit_original_response(content="edited in time")
        playground.clock.advance(2)
        for refused in (
            asked.edit_original_response(content="too late"),
            asked.followup.send("too late"),
            asked.delete_original_response(),
        ):
            with pytest.raises(discord.HTTPException) as error:
                await refused
            assert (error.value.status, error.value.code) == (401, 50027)
            assert not isinstance(error.value, discord.NotFound)
        # What everybody can see may still be edited as an ordinary message.
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        await channel.get_partial_message(shown.id).edit(content="as a message")
        assert await playground.person("mira").wait_for("as a message")


async def test_an_ephemeral_answer_is_out_of_reach_of_the_ordinary_routes(
    playground: Playground,
) -> None:
    async with connected(playground, bot := Keeper()):
        asked = await bot.asked(playground)
        await asked.response.send_message("for you", ephemeral=True)
        shown = await asked.original_response()
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        for refused in (
            channel.fetch_message(shown.id),
            channel.get_partial_message(shown.id).edit(content="x"),
            channel.get_partial_message(shown.id).delete(),
        ):
            with pytest.raises(discord.NotFound) as error:
                await refused
            assert error.value.code == 10008
        assert [message async for message in channel.history()] == []
        await shown.edit(content="still for you")
        assert (await playground.person("mira").wait_for("still for you")).ephemeral


async def test_a_deferred_answer_shows_that_the_bot_is_thinking(playground: Playground) -> None:
    async with connected(playground, bot := Keeper()):
        mira = playground.person("mira")
        asked = await bot.asked(playground)
        await asked.response.defer(thinking=True)
        thinking = await mira.wait_for(lambda message: message.loading)
        sent = await asked.followup.send("done", wait=True)
        assert sent.id == thinking.id
        assert not (await mira.wait_for("done")).loading


async def test_a_private_answer_may_take_the_place_of_a_public_thinking(
    playground: Playground,
) -> None:
    async with connected(playground, bot := Keeper()):
        mira = playground.person("mira")
        asked = await bot.asked(playground)
        await asked.response.defer(thinking=True)
        thinking = await mira.wait_for(lambda message: message.loading)
        await asked.delete_original_response()
        sent = await asked.followup.send("not for others", ephemeral=True, wait=True)
        assert sent.id != thinking.id
        assert (await mira.wait_for("not for others")).ephemeral
        assert mira.message(thinking.id) is None


async def test_a_form_cannot_follow_a_form_nor_suggestions_a_command(
    playground: Playground,
) -> None:
    async with connected(playground, bot := Keeper()), aiohttp.ClientSession() as web:
        raw = Raw(playground, web)
        asked = await bot.asked(playground)
        path = f"/interactions/{asked.id}/{asked.token}/callback"
        for body in ({"type": 8, "data": {"choices": []}}, {"type": 6}, {"type": 99}, {}):
            assert (await raw("POST", path, body)).refusal == (400, 50035)
        answer = await raw("POST", path, {"type": 4, "data": SMALL})
        assert (answer.status, answer.body) == (204, {})


async def test_an_interaction_pings_no_crowd_by_default(playground: Playground) -> None:
    ada = playground.person("ada")
    role = playground.world.bot_role(playground.guild.id)
    playground.world.set_permissions("videos", role, allow=["mention_everyone"])
    async with connected(playground, bot := Keeper()):
        asked = await bot.asked(playground)
        await asked.response.send_message(f"@everyone <@{ada.id}>")
        shown = await ada.wait_for("@everyone")
        assert shown.mentions == (ada.id,)
        assert not shown.raw["mention_everyone"]
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        await channel.send("@everyone listen")
        assert (await ada.wait_for("listen")).raw["mention_everyone"]
        none = discord.AllowedMentions.none()
        await channel.send(f"quiet <@{ada.id}>", allowed_mentions=none)
        assert (await ada.wait_for("quiet")).mentions == ()


# ---------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    "wrong",
    [
        [command(name="Clip")],
        [command(name="two words")],
        [command(name="x" * 33)],
        [command(description="")],
        [command(description="x" * 101)],
        [command(options=[option(f"o{number}") for number in range(26)])],
        [command(options=[option(description="")])],
        [command(options=[option(), option("seed", required=True)])],
        [command(options=[option(choices=[{"name": "n", "value": "v"}] * 26)])],
        [command(options=[option(choices=[{"name": "n" * 101, "value": "v"}])])],
        [
            command(
                options=[
                    option(
                        f"o{number}",
                        choices=[{"name": "n" * 100, "value": str(c)} for c in range(25)],
                    )
                    for number in range(4)
                ]
            )
        ],
        [command(), command()],
    ],
    ids=str,
)
async def test_a_command_discord_would_not_register_is_refused(raw: Raw, wrong: list[Any]) -> None:
    path = f"/applications/{raw.playground.world.application_id}/commands"
    assert (await raw("PUT", path, wrong)).refusal == (400, 50035)
    assert (await raw("GET", path)).body == []


async def test_commands_are_added_changed_and_deleted_one_by_one(raw: Raw) -> None:
    path = f"/applications/{raw.playground.world.application_id}/commands"
    added = await raw("POST", path, command())
    assert added.status == 201
    one = f"{path}/{added.body['id']}"
    changed = await raw("PATCH", one, {"description": "Other"})
    assert changed.body["description"] == "Other"
    assert changed.body["id"] == added.body["id"]
    assert changed.body["version"] != added.body["version"]
    assert (await raw("GET", one)).body["description"] == "Other"
    too_many = [command(name=f"m{number}", type=3, description="") for number in range(16)]
    assert (await raw("PUT", path, too_many)).refusal == (400, 30032)
    assert (await raw("DELETE", one)).status == 204
    assert (await raw("GET", one)).refusal == (404, 10063)
