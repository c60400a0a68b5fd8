"""The playground's rate limits count, announce and refuse as Discord's do."""

import time

import aiohttp
import discord

from playground import Playground, open_playground
from playground.discord.buckets import OLD_EDITS
from tests.rig.raw_calls import SMALL, Raw, raw
from tests.rig.toybot import ToyBot, connected

__all__ = ["raw"]


async def test_a_sixth_message_in_five_seconds_is_one_too_many(raw: Raw) -> None:
    with raw.playground.clock.stopped():
        answers = [await raw("POST", raw.videos + "/messages", SMALL) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == list("432100")
    assert answers[0].headers["X-RateLimit-Limit"] == "5"
    assert float(answers[0].headers["X-RateLimit-Reset-After"]) == 5
    assert answers[0].headers["X-RateLimit-Bucket"] == answers[5].headers["X-RateLimit-Bucket"]
    limited = answers[5]
    assert limited.body["message"] == "You are being rate limited."
    assert limited.body["global"] is False
    assert 0 < limited.body["retry_after"] <= 5
    assert limited.headers["X-RateLimit-Scope"] == "user"
    assert "Retry-After" in limited.headers
    assert "Via" in limited.headers
    # Another channel has its own bucket, and so has the same one five seconds later.
    other = f"/channels/{raw.playground.channel('storyboards').id}/messages"
    assert (await raw("POST", other, SMALL)).status == 200
    raw.playground.clock.advance(5)
    assert (await raw("POST", raw.videos + "/messages", SMALL)).status == 200


async def test_shorter_windows_count_and_announce_as_the_real_ones_do() -> None:
    async with open_playground(rate_windows=0.1) as playground, aiohttp.ClientSession() as web:
        raw = Raw(playground, web)
        with playground.clock.stopped():
            answers = [await raw("POST", raw.videos + "/messages", SMALL) for _ in range(6)]
            assert [answer.status for answer in answers] == [200] * 5 + [429]
            assert float(answers[0].headers["X-RateLimit-Reset-After"]) == 0.5
            playground.clock.advance(0.5)
            assert (await raw("POST", raw.videos + "/messages", SMALL)).status == 200


async def test_discord_py_never_meets_a_429(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        sent = [await channel.send(str(number)) for number in range(4)]
        began = time.monotonic()
        for emoji in ("🔁", "⏩", "❌"):
            await sent[0].add_reaction(emoji)
        assert time.monotonic() - began >= 0.5
        assert 429 not in [call.status for call in playground.requests]


async def test_fifty_requests_a_second_are_the_most(raw: Raw) -> None:
    paths = [raw.videos, "/users/@me", f"/guilds/{raw.playground.guild.id}"] * 17
    statuses = []
    with raw.playground.clock.stopped():
        for path in paths:
            answer = await raw("GET", path)
            statuses.append(answer.status)
    assert statuses == [200] * 50 + [429]
    assert answer.body["global"] is True
    assert answer.headers["X-RateLimit-Scope"] == "global"
    assert answer.headers["X-RateLimit-Global"] == "true"


async def test_a_token_of_an_interaction_has_its_own_bucket(playground: Playground) -> None:
    bot = ToyBot()
    kept: list[discord.Interaction] = []

    @bot.tree.command(name="keep", description="Keep it")
    async def keep(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("0")
        kept.append(interaction)

    async with connected(playground, bot):
        mira = playground.person("mira")
        for _ in range(2):
            await (await mira.type("/keep")).answered
        async with aiohttp.ClientSession() as web:
            raw = Raw(playground, web)
            base = f"/webhooks/{bot.application_id}"
            edit = f"{base}/{kept[0].token}/messages/@original"
            statuses = [(await raw("PATCH", edit, {"content": str(n)})).status for n in range(60)]
            assert 429 not in statuses[:5]
            other = await raw("POST", f"{base}/{kept[1].token}", {"content": "x"})
            assert other.status == 200
            assert (await raw("GET", "/users/@me")).status == 200


async def test_a_thread_is_renamed_twice_in_ten_minutes(raw: Raw) -> None:
    sent = await raw("POST", raw.videos + "/messages", SMALL)
    thread = f"/channels/{sent.body['id']}"
    await raw("POST", f"{raw.videos}/messages/{sent.body['id']}/threads", {"name": "0"})
    answers = [await raw("PATCH", thread, {"name": str(number)}) for number in (1, 2, 3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].body["retry_after"] > 500
    assert (await raw("PATCH", thread, {"archived": True})).status == 200
    raw.playground.clock.advance(601)
    assert (await raw("PATCH", thread, {"archived": False, "name": "3"})).status == 200


async def test_an_old_message_takes_few_edits() -> None:
    async with open_playground(rate_limits=True) as playground, aiohttp.ClientSession() as web:
        raw = Raw(playground, web)
        sent = await raw("POST", raw.videos + "/messages", SMALL)
        path = f"{raw.videos}/messages/{sent.body['id']}"
        playground.clock.advance(3601)
        for number in range(OLD_EDITS.calls):
            assert (await raw("PATCH", path, {"content": str(number)})).status == 200
            playground.clock.advance(5)
        answer = await raw("PATCH", path, SMALL)
        assert answer.refusal == (429, 30046)
        assert answer.body["retry_after"] > 0
