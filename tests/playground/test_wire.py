"""An unmodified discord.py finds on this wire what it finds on Discord's."""

import asyncio
import io
import json
import logging

import aiohttp
import discord
import pytest

from playground import PersonCannot, Playground, open_playground
from tests.rig.toybot import ToyBot, connected, pointed_at


def text_channel(bot: ToyBot, playground: Playground, name: str = "videos") -> discord.TextChannel:
    channel = bot.get_channel(playground.channel(name).id)
    assert isinstance(channel, discord.TextChannel)
    return channel


# ---------------------------------------------------------------------- the gateway


async def test_a_bot_that_is_ready_knows_its_server(playground: Playground) -> None:
    async with connected(playground) as bot:
        assert playground.online
        assert [guild.name for guild in bot.guilds] == ["Northlight Studio"]
        assert bot.application_id == bot.user.id


async def test_a_wrong_token_is_turned_away_at_both_doors(playground: Playground) -> None:
    bot = ToyBot()
    with pointed_at(playground), pytest.raises(discord.LoginFailure):
        await bot.login("wrong")
    await bot.close()
    async with aiohttp.ClientSession() as web, web.ws_connect(playground.gateway_url) as socket:
        await socket.receive()
        await socket.send_json({"op": 2, "d": {"token": "wrong", "intents": 0}})
        await socket.receive()
        assert socket.close_code == 4004


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (["no json"], 4002),
        (['{"op": 8, "d": {}}'], 4003),
        (["identify", "identify"], 4005),
        (["identify", '{"op": 99}'], 4001),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 1073741824}}'], 4013),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 2}}'], 4014),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 32768}}'], 4014),
    ],
)
async def test_what_the_gateway_does_not_understand_it_closes(
    playground: Playground, frames: list[str], code: int
) -> None:
    identify = json.dumps({"op": 2, "d": {"token": playground.token, "intents": 1}})
    async with aiohttp.ClientSession() as web, web.ws_connect(playground.gateway_url) as socket:
        for frame in frames:
            await socket.send_str(
                identify if frame == "identify" else frame.replace("TOKEN", playground.token)
            )
        while (await socket.receive()).type != aiohttp.WSMsgType.CLOSE:
            pass
        assert socket.close_code == code


async def test_a_privileged_intent_must_be_granted(playground: Playground) -> None:
    bot = ToyBot(discord.Intents(guilds=True, members=True))
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connected(playground, bot):
            pass
    async with (
        open_playground(privileged_intents=["members", "message_content"]) as generous,
        connected(generous, ToyBot(discord.Intents.all() ^ discord.Intents(presences=True))) as bot,
    ):
        guild = bot.guilds[0]
        assert {member.name for member in await guild.chunk()} >= {"mira", "jonas", "ada"}
        await generous.person("mira").say("readable")
        assert (await bot.hear("message")).content == "readable"


async def test_words_are_hidden_from_a_bot_unless_they_are_meant_for_it(
    playground: Playground,
) -> None:
    intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
    async with connected(playground, ToyBot(intents)) as bot:
        mira = playground.person("mira")
        await mira.say("private thoughts")
        assert (await bot.hear("message")).content == ""
        await mira.say(f"<@{bot.user.id}> hello")
        assert (await bot.hear("message")).content.endswith("hello")
        said = await mira.say("more thoughts")
        assert (await text_channel(bot, playground).fetch_message(said.id)).content == ""
        mira.go_to_dm()
        await mira.say("in private")
        while not (heard := await bot.hear("message")).content:
            pass
        assert heard.content == "in private"


async def test_events_without_their_intent_do_not_come(playground: Playground) -> None:
    async with connected(
        playground, ToyBot(discord.Intents(guilds=True, guild_messages=True))
    ) as bot:
        mira = playground.person("mira")
        said = await mira.say("first")
        await mira.react(said, "👍")
        await mira.say("second")
        assert (await bot.hear("message")).id == said.id
        kind, _ = await asyncio.wait_for(bot.heard.get(), 120)
        assert kind == "message"


async def test_a_dropped_bot_resumes_and_gets_what_it_missed(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        said = await mira.say("before")
        await playground.gateway.drop()
        await mira.react(said, "🔁")
        await mira.say("meanwhile")
        heard = await bot.hear("reaction")
        assert heard.message_id == said.id
        await asyncio.wait_for(bot.resumed.wait(), 120)
        assert (playground.gateway.identified, playground.gateway.resumed) == (1, 1)
        assert bot.ready_count == 1


async def test_a_bot_reconnects_when_asked_to(playground: Playground) -> None:
    async with connected(playground) as bot:
        await playground.gateway.reconnect()
        await asyncio.wait_for(bot.resumed.wait(), 120)
        assert (playground.gateway.identified, playground.gateway.resumed) == (1, 1)


async def test_an_invalid_session_begins_anew(playground: Playground) -> None:
    async with connected(playground) as bot:
        await playground.gateway.invalidate()
        again = asyncio.create_task(bot.wait_for("ready"))
        await asyncio.wait_for(again, 120)
        assert playground.gateway.identified == 2
        assert bot.ready_count == 2


async def test_an_unknown_session_cannot_be_resumed(playground: Playground) -> None:
    async with aiohttp.ClientSession() as web, web.ws_connect(playground.gateway_url) as socket:
        await socket.receive()
        resume = {"token": playground.token, "session_id": "stale", "seq": 5}
        await socket.send_json({"op": 6, "d": resume})
        answer = await socket.receive_json()
        assert (answer["op"], answer["d"]) == (9, False)


async def test_the_bot_hears_nothing_of_channels_it_cannot_see(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        role = playground.world.bot_role(playground.guild.id)
        playground.world.set_permissions("storyboards", role, deny=["view_channel"])
        mira.go("storyboards")
        await mira.say("hidden")
        mira.go("videos")
        seen = await mira.say("seen")
        assert (await bot.hear("message")).id == seen.id
        with pytest.raises(discord.Forbidden) as refused:
            await text_channel(bot, playground, "storyboards").send("x")
        assert refused.value.code == 50001


async def test_a_second_server_is_joined_live_and_can_break_down(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        joined = asyncio.create_task(bot.wait_for("guild_join"))
        gone = asyncio.create_task(bot.wait_for("guild_unavailable"))
        back = asyncio.create_task(bot.wait_for("guild_available"))
        await asyncio.sleep(0)
        other = playground.world.add_guild("Other", people=[mira.id], channels=["general"])
        assert (await asyncio.wait_for(joined, 120)).name == "Other"
        mira.go("general")
        asked = await (await mira.type("/toy secret")).answered
        assert asked.ephemeral
        playground.world.outage(other.id)
        assert (await asyncio.wait_for(gone, 120)).name == "Other"
        playground.world.recover(other.id)
        assert (await asyncio.wait_for(back, 120)).name == "Other"


# ---------------------------------------------------------------------- messages


async def test_a_message_goes_round(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        embed = discord.Embed(title="T", description="D").add_field(name="F", value="0")
        embed.set_image(url="attachment://still.png")
        still = discord.File(io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(20)), "still.png")
        sent = await channel.send("hi", embed=embed, file=still, nonce=77, silent=True)
        assert str(sent.nonce) == "77"
        embed.set_field_at(0, name="F", value="changed only here")
        fetched = await channel.fetch_message(sent.id)
        assert fetched.embeds[0].fields[0].value == "0"
        assert fetched.flags.suppress_notifications
        # A file that an embed shows is not listed a second time.
        assert not fetched.attachments
        assert fetched.embeds[0].image.url.startswith("http://127.0.0.1")
        edited = await fetched.edit(content="ho", attachments=[])
        assert edited.content == "ho"
        assert edited.edited_at is not None
        answer = await fetched.reply("yes")
        assert answer.reference is not None
        assert answer.reference.message_id == sent.id
        role = playground.world.bot_role(playground.guild.id)
        playground.world.set_permissions("videos", role, deny=["pin_messages"])
        with pytest.raises(discord.Forbidden):  # Manage Messages is not enough
            await answer.pin()
        playground.world.set_permissions("videos", role, allow=["pin_messages"])
        await answer.pin()
        assert [message.id async for message in channel.pins()] == [answer.id]
        await answer.unpin()
        with pytest.raises(discord.NotFound) as missing:
            await channel.fetch_message(1)
        assert missing.value.code == 10008
        await fetched.delete()
        with pytest.raises(discord.NotFound):
            await channel.fetch_message(sent.id)


async def test_history_is_read_before_after_and_around(playground: Playground) -> None:
    mira = playground.person("mira")
    ids = [(await mira.say(str(number))).id for number in range(10)]
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)

        async def read(**how: object) -> list[int]:
            return [ids.index(message.id) async for message in channel.history(**how)]

        assert await read() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
        assert await read(limit=3) == [9, 8, 7]
        assert await read(before=discord.Object(ids[4]), limit=2) == [3, 2]
        assert await read(after=discord.Object(ids[4]), limit=2) == [5, 6]
        assert sorted(await read(around=discord.Object(ids[4]), limit=4)) == [2, 3, 4, 5]
        for limit in (0, 101):
            with pytest.raises(discord.HTTPException) as refused:
                await bot.http.logs_from(channel.id, limit)
            assert (refused.value.status, refused.value.code) == (400, 50035)


async def test_who_reacted_is_read_page_by_page(playground: Playground) -> None:
    mira, jonas = playground.person("mira"), playground.person("jonas")
    said = await mira.say("vote")
    async with connected(playground) as bot:
        await mira.react(said, "🔁")
        await jonas.react(said, "🔁")
        message = await text_channel(bot, playground).fetch_message(said.id)
        await message.add_reaction("🔁")
        message = await text_channel(bot, playground).fetch_message(said.id)
        assert message.reactions[0].me
        assert message.reactions[0].count == 3
        everyone = sorted([mira.id, jonas.id, bot.user.id])
        assert sorted([user.id async for user in message.reactions[0].users()]) == everyone
        after = discord.Object(everyone[0])
        second = [user.id async for user in message.reactions[0].users(limit=1, after=after)]
        assert second == [everyone[1]]
        await message.remove_reaction("🔁", discord.Object(jonas.id))
        assert jonas.id not in [user.id async for user in message.reactions[0].users()]
        await message.clear_reactions()
        assert not (await text_channel(bot, playground).fetch_message(said.id)).reactions
        for emoji in ("notanemoji", "x:123"):
            with pytest.raises(discord.HTTPException) as refused:
                await message.add_reaction(emoji)
            assert refused.value.code == 10014


async def test_the_other_routes_a_bot_uses(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        mira = playground.person("mira")
        guild = channel.guild
        assert (await bot.fetch_guild(guild.id)).name == "Northlight Studio"
        member = await guild.fetch_member(playground.person("ada").id)
        assert [role.name for role in await guild.fetch_roles()][-1]
        assert member.guild_permissions.manage_guild
        assert {item.name for item in await guild.fetch_channels()} >= {"videos", "moderators"}
        assert (await bot.fetch_user(mira.id)).name == "mira"
        assert (await bot.fetch_channel(channel.id)).id == channel.id
        assert (await bot.application_info()).id == bot.user.id
        with playground.feed(mira) as feed:
            await channel.typing()
            assert (await asyncio.wait_for(feed.get(), 120))[0] == "TYPING_START"
        user = await bot.fetch_user(mira.id)
        await user.send("Your clip is ready")
        assert (await mira.wait_for("Your clip is ready")).author == "Dailies"
        commands = await bot.tree.fetch_commands()
        assert {item.name for item in commands} == {"toy", "Quote", "rule"}
        before = {item.name: item.id for item in commands}
        assert {item.name: item.id for item in await bot.tree.sync()} == before
        bot.tree.copy_global_to(guild=guild)
        assert len(await bot.tree.sync(guild=guild)) == 3
        sent = [await channel.send(str(number)) for number in range(2)]
        await channel.delete_messages(sent)
        assert [message async for message in channel.history()] == []
        with pytest.raises(discord.Forbidden) as refused:
            await channel.edit(topic="mine")
        assert refused.value.code == 50013


async def test_an_unknown_route_is_404_and_named_in_the_log(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiohttp.ClientSession() as web:
        headers = {"Authorization": f"Bot {playground.token}"}
        with caplog.at_level(logging.WARNING):
            answer = await web.get(playground.api_url + "/no/such/thing", headers=headers)
        assert answer.status == 404
        assert "/no/such/thing" in caplog.text
        answer = await web.post(
            playground.api_url + f"/channels/{playground.channel('videos').id}/messages",
            headers=headers,
            data="{",
        )
        assert (answer.status, (await answer.json())["code"]) == (400, 50109)


# ---------------------------------------------------------------------- attachments


async def test_attachments_are_served_in_parts_until_their_link_expires(
    playground: Playground,
) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        data = bytes(range(256)) * 40
        sent = await channel.send(file=discord.File(io.BytesIO(data), "clip.mp4"))
        link = sent.attachments[0].url
        assert await sent.attachments[0].read() == data
        async with aiohttp.ClientSession() as web:
            whole = await web.get(link)
            assert (whole.status, whole.content_type) == (200, "video/mp4")
            assert whole.headers["Accept-Ranges"] == "bytes"
            part = await web.get(link, headers={"Range": "bytes=256-511"})
            assert (part.status, await part.read()) == (206, bytes(range(256)))
            assert part.headers["Content-Range"] == f"bytes 256-511/{len(data)}"
            assert (await web.get(link.split("?")[0])).status == 404
            assert (await web.get(link.replace("clip.mp4", "clap.mp4"))).status == 404
            playground.clock.advance(24 * 3600 + 1)
            expired = await web.get(link)
            assert expired.status == 404
            assert "no longer available" in await expired.text()
            fresh = await channel.fetch_message(sent.id)
            assert (await web.get(fresh.attachments[0].url)).status == 200


# ---------------------------------------------------------------------- threads


async def test_a_thread_from_a_fresh_message_is_as_discord_makes_it(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        card = await channel.send("card")
        thread = await card.create_thread(name="takes", auto_archive_duration=60)
        assert thread.id == card.id
        assert ("POST", f"/channels/{channel.id}/messages/{card.id}/threads", 201) in (
            playground.requests
        )
        first = [message async for message in thread.history()]
        assert [message.type for message in first] == [discord.MessageType.thread_starter_message]
        assert first[0].reference is not None
        assert first[0].reference.message_id == card.id
        above = [message async for message in channel.history()]
        assert [message.id for message in above] == [card.id]
        assert above[0].flags.has_thread
        assert above[0].thread is not None
        assert above[0].thread.id == thread.id
        with pytest.raises(discord.HTTPException) as refused:
            await card.create_thread(name="again")
        assert (refused.value.status, refused.value.code) == (400, 160004)
        assert playground.person("mira").threads("videos") == [thread.id]


async def test_a_thread_from_an_old_message_is_announced(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        card = await channel.send("card")
        playground.clock.advance(3601)
        thread = await card.create_thread(name="late takes")
        newest = await anext(channel.history(limit=1))
        assert newest.type is discord.MessageType.thread_created
        assert newest.reference is not None
        assert newest.reference.channel_id == thread.id


async def test_a_thread_belongs_to_who_started_it(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        channel = text_channel(bot, playground)
        own = await (await channel.send("own")).create_thread(name="own")
        await own.edit(name="renamed", auto_archive_duration=60)
        await own.edit(archived=True)
        await own.edit(archived=False)
        with pytest.raises(discord.Forbidden) as refused:
            await own.edit(locked=True)
        assert refused.value.code == 50013
        said = await mira.say("mine")
        hers = await mira.start_thread(said, "hers")
        foreign = await bot.fetch_channel(hers)
        assert isinstance(foreign, discord.Thread)
        await foreign.join()
        with pytest.raises(discord.Forbidden):
            await foreign.edit(name="taken over")
        with pytest.raises(discord.Forbidden):
            await own.delete()


async def test_an_archived_thread_opens_when_somebody_writes(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        channel = text_channel(bot, playground)
        thread = await (await channel.send("card")).create_thread(name="takes")
        clip = await thread.send("clip")
        playground.world.archive_thread(thread.id)
        for refused in (clip.edit(content="x"), clip.add_reaction("🔁")):
            with pytest.raises(discord.HTTPException) as error:
                await refused
            assert (error.value.status, error.value.code) == (400, 50083)
        with pytest.raises(PersonCannot, match="archived"):
            await mira.react(clip.id, "🔁")
        mira.go(thread.id)
        with pytest.raises(PersonCannot, match="archived"):
            await mira.type("/toy secret")
        await thread.send("wake up")
        assert not (await bot.fetch_channel(thread.id)).archived
        await clip.edit(content="now")
        await mira.react(clip.id, "🔁")


async def test_a_locked_thread_is_closed_to_the_bot(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        thread = await (await channel.send("card")).create_thread(name="takes")
        playground.world.lock_thread(thread.id)
        playground.world.archive_thread(thread.id)
        for refused in (thread.send("x"), thread.edit(archived=False)):
            with pytest.raises(discord.HTTPException) as error:
                await refused
            assert (error.value.status, error.value.code) == (400, 160005)
        playground.person("mira").go(thread.id)
        with pytest.raises(PersonCannot, match="locked"):
            await playground.person("mira").say("x")
        playground.person("ada").go(thread.id)
        await playground.person("ada").say("I may")


async def test_a_quiet_thread_archives_itself(playground: Playground) -> None:
    async with connected(playground) as bot:
        card = await text_channel(bot, playground).send("card")
        thread = await card.create_thread(name="takes", auto_archive_duration=60)
        playground.clock.advance(3000)
        assert not playground.world.channels[thread.id].thread_metadata.archived
        playground.clock.advance(700)
        assert playground.world.channels[thread.id].thread_metadata.archived


# ---------------------------------------------------------------------- scripted trouble


async def test_a_failure_asked_for_happens_once(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        playground.refuse("POST", r"/messages$", 413, 40005, "Request entity too large")
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send("x")
        assert (refused.value.status, refused.value.code) == (413, 40005)
        await channel.send("x")
        playground.refuse("POST", r"/messages$", 429, 0, "You are being rate limited.", times=2)
        await channel.send("y")
        statuses = [call.status for call in playground.requests if call.path.endswith("/messages")]
        assert statuses == [413, 200, 429, 429, 200]


async def test_a_message_sent_twice_with_one_nonce_is_one_message(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        one = await channel.send("clip", nonce="job-7-result")
        # A reply that was lost: discord.py, or the bot after a restart, sends it again.
        two = await channel.send("clip", nonce="job-7-result")
        assert one.id == two.id
        assert len(playground.person("mira").messages("videos")) == 1
        await one.delete()
        with pytest.raises(discord.NotFound):
            await channel.send("clip", nonce="job-7-result")
        playground.clock.advance(301)
        three = await channel.send("clip", nonce="job-7-result")
        assert three.id != one.id


async def test_a_layout_shows_the_file_it_names(playground: Playground) -> None:
    class Card(discord.ui.LayoutView):
        words = discord.ui.TextDisplay("## Take 1")
        clip = discord.ui.MediaGallery(
            discord.MediaGalleryItem("attachment://clip.mp4", description="A red fox")
        )

    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        file = discord.File(io.BytesIO(b"clip"), "clip.mp4")
        sent = await channel.send(view=Card(), file=file)
        shown = await playground.person("mira").wait_for("Take 1")
        assert shown.text == "## Take 1\nA red fox"
        gallery = shown.raw["components"][1]["items"][0]["media"]
        async with aiohttp.ClientSession() as web:
            answer = await web.get(gallery["url"])
            assert (answer.status, await answer.read()) == (200, b"clip")
        # Sent back as it was read, it still shows the file: links are not stored, ids are.
        again = discord.ui.LayoutView.from_message(sent)
        again.add_item(discord.ui.TextDisplay("more"))
        await sent.edit(view=again)
        playground.clock.advance(25 * 3600)
        later = await playground.person("mira").wait_for("more")
        async with aiohttp.ClientSession() as web:
            fresh = later.raw["components"][1]["items"][0]["media"]["url"]
            assert (await web.get(fresh)).status == 200
            assert (await web.get(gallery["url"])).status == 404
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send(view=Card())
        assert refused.value.code == 50035


async def test_an_edit_adds_a_file_and_keeps_the_others(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = text_channel(bot, playground)
        first = discord.File(io.BytesIO(b"1"), "one.txt", description="first")
        sent = await channel.send("files", file=first)
        second = discord.File(io.BytesIO(b"22"), "two.txt", description="second")
        edited = await sent.add_files(second)
        assert [(item.filename, item.description) for item in edited.attachments] == [
            ("one.txt", "first"),
            ("two.txt", "second"),
        ]
        left = await edited.remove_attachments(edited.attachments[0])
        assert [await item.read() for item in left.attachments] == [b"22"]
        plain = await left.edit(content="words only")
        assert len(plain.attachments) == 1
