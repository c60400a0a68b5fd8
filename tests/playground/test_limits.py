"""The playground refuses what Discord refuses, with Discord's own status and code."""

import asyncio
import io
import json
from typing import Any

import discord
import pytest

from playground import Playground
from tests.rig.raw_calls import FIELD, MIB, SMALL, V2, Raw, button, raw, rows, text, upload
from tests.rig.toybot import connected

__all__ = ["raw"]


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000},
        {"embeds": [{"title": "t" * 256, "description": "d" * 4096}]},
        {"embeds": [{"title": "t", "fields": [FIELD] * 25}]},
        {"content": "x", "components": rows(5, 5)},
        {"flags": V2, "components": [text("t")] * 40},
        {"flags": V2, "components": [text("t" * 4000)]},
        {"content": "x", "nonce": "n" * 25},
    ],
    ids=lambda body: json.dumps(body)[:40],
)
async def test_what_is_within_the_limits_is_taken(raw: Raw, body: dict[str, Any]) -> None:
    assert (await raw("POST", raw.videos + "/messages", body)).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2001},
        {"embeds": [{"title": "t" * 257}]},
        {"embeds": [{"description": "d" * 4097}]},
        {"embeds": [{"fields": [FIELD] * 26}]},
        {"embeds": [{"fields": [{"name": "n" * 257, "value": "v"}]}]},
        {"embeds": [{"fields": [{"name": "n", "value": "v" * 1025}]}]},
        {"embeds": [{"footer": {"text": "f" * 2049}}]},
        {"embeds": [{"description": "d" * 3001}] * 2},
        {"embeds": [{"title": "t"}] * 11},
        {"content": "x", "components": rows(6, 1)},
        {"content": "x", "components": rows(1, 6)},
        {"content": "x", "components": [button(1)]},
        {"content": "x", "components": [{"type": 1, "components": [button(1), button(1)]}]},
        {"content": "x", "components": [{"type": 1, "components": [button(1, label="l" * 81)]}]},
        {
            "content": "x",
            "components": [{"type": 1, "components": [button(1, custom_id="c" * 101)]}],
        },
        {"components": [text("t")]},
        {"flags": V2, "content": "x", "components": [text("t")]},
        {"flags": V2, "embeds": [{"title": "t"}], "components": [text("t")]},
        {"flags": V2, "components": [text("t")] * 41},
        {"flags": V2, "components": [text("t" * 4001)]},
        {"flags": V2, "components": [text("t" * 2001)] * 2},
        {"flags": V2, "components": []},
        {"content": "x", "nonce": "n" * 26},
        {"content": "x", "allowed_mentions": {"parse": ["nobody"]}},
        {"content": "x", "message_reference": {"message_id": "1"}},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
async def test_what_is_beyond_a_limit_is_an_invalid_form(raw: Raw, body: dict[str, Any]) -> None:
    answer = await raw("POST", raw.videos + "/messages", body)
    assert answer.refusal == (400, 50035)
    assert not raw.playground.person("mira").messages("videos")


async def test_the_v2_flag_stays_and_keeps_content_out(raw: Raw) -> None:
    sent = await raw("POST", raw.videos + "/messages", {"flags": V2, "components": [text("t")]})
    path = f"{raw.videos}/messages/{sent.body['id']}"
    assert (await raw("PATCH", path, {"content": "words"})).refusal == (400, 50035)
    assert (await raw("PATCH", path, {"flags": 0})).refusal == (400, 50035)
    assert (await raw("PATCH", path, {"components": [text("u")]})).status == 200


async def test_a_thread_has_a_name_of_at_most_100_characters(raw: Raw) -> None:
    sent = await raw("POST", raw.videos + "/messages", SMALL)
    path = f"{raw.videos}/messages/{sent.body['id']}/threads"
    for body in ({}, {"name": ""}, {"name": "x" * 101}, {"name": "x", "auto_archive_duration": 61}):
        assert (await raw("POST", path, body)).refusal == (400, 50035)
    assert (await raw("POST", path, {"name": "x" * 100})).status == 201


async def test_the_21st_emoji_is_one_too_many(raw: Raw) -> None:
    playground = raw.playground
    mira = playground.person("mira")
    said = await mira.say("react")
    for number in range(20):
        await mira.react(said, chr(0x1F600 + number))
    path = f"{raw.videos}/messages/{said.id}/reactions/%F0%9F%94%81/@me"
    assert (await raw("PUT", path)).refusal == (400, 30010)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/messages", {"content": "x", "poll": 1}),
        ("POST", "/messages", {"content": "x", "message_reference": {"message_id": "abc"}}),
        ("POST", "/messages", {"embeds": [1]}),
        ("POST", "/messages", {"components": "x"}),
        ("POST", "/threads", {"name": "x", "auto_archive_duration": "long"}),
        ("GET", "/messages?before=abc", None),
        ("GET", "/messages?limit=abc", None),
    ],
)
async def test_a_value_of_the_wrong_shape_is_an_invalid_form(
    raw: Raw, method: str, path: str, body: Any
) -> None:
    assert (await raw(method, raw.videos + path, body)).refusal == (400, 50035)


# ---------------------------------------------------------------------- permissions


@pytest.mark.parametrize(
    ("denied", "method", "path", "body", "code"),
    [
        ("send_messages", "POST", "/messages", SMALL, 50013),
        ("embed_links", "POST", "/messages", {"embeds": [{"title": "t"}]}, 50013),
        ("create_public_threads", "POST", "/messages/MESSAGE/threads", {"name": "x"}, 50013),
        ("add_reactions", "PUT", "/messages/MESSAGE/reactions/%F0%9F%94%81/@me", None, 50013),
        ("read_message_history", "GET", "/messages/MESSAGE", None, 50013),
        ("manage_messages", "DELETE", "/messages/MESSAGE", None, 50013),
        (
            "read_message_history",
            "POST",
            "/messages",
            {"content": "x", "message_reference": {"message_id": "MESSAGE"}},
            160002,
        ),
        ("view_channel", "POST", "/messages", SMALL, 50001),
        ("view_channel", "GET", "", None, 50001),
    ],
)
async def test_a_missing_permission_is_403(
    raw: Raw, denied: str, method: str, path: str, body: Any, code: int
) -> None:
    playground = raw.playground
    said = await playground.person("mira").say("words")
    role = playground.world.bot_role(playground.guild.id)
    playground.world.set_permissions("videos", role, deny=[denied])
    filled = json.loads(json.dumps(body).replace("MESSAGE", str(said.id)))
    answer = await raw(method, raw.videos + path.replace("MESSAGE", str(said.id)), filled)
    assert answer.refusal == (403, code)


async def test_without_attach_files_no_file_goes_out(raw: Raw) -> None:
    playground = raw.playground
    role = playground.world.bot_role(playground.guild.id)
    playground.world.set_permissions("videos", role, deny=["attach_files"])
    assert (await upload(raw, [10])).refusal == (403, 50013)


async def test_in_threads_another_permission_counts(raw: Raw) -> None:
    playground = raw.playground
    sent = await raw("POST", raw.videos + "/messages", SMALL)
    await raw("POST", f"{raw.videos}/messages/{sent.body['id']}/threads", {"name": "takes"})
    thread = f"/channels/{sent.body['id']}/messages"
    role = playground.world.bot_role(playground.guild.id)
    playground.world.set_permissions("videos", role, deny=["send_messages"])
    assert (await raw("POST", thread, SMALL)).status == 200
    playground.world.set_permissions("videos", role, deny=["send_messages_in_threads"])
    assert (await raw("POST", thread, SMALL)).refusal == (403, 50013)


async def test_nobody_elses_message_can_be_edited(raw: Raw) -> None:
    said = await raw.playground.person("mira").say("words")
    answer = await raw("PATCH", f"{raw.videos}/messages/{said.id}", SMALL)
    assert answer.refusal == (403, 50005)


# ---------------------------------------------------------------------- files


@pytest.mark.long
@pytest.mark.parametrize(
    ("tier", "sizes", "refusal"),
    [
        (0, [10 * MIB], None),
        (0, [10 * MIB + 1], (413, 40005)),
        (0, [9 * MIB] * 3, (413, 40005)),
        (0, [60 * MIB], (413, 40005)),
        (1, [10 * MIB + 1], (413, 40005)),
        (2, [50 * MIB], None),
        (2, [50 * MIB + 1], (413, 40005)),
        (3, [60 * MIB], None),
        (0, [1] * 10, None),
        (0, [1] * 11, (400, 50035)),
    ],
)
async def test_the_boost_tier_sets_how_big_a_file_may_be(
    raw: Raw, tier: int, sizes: list[int], refusal: tuple[int, int] | None
) -> None:
    raw.playground.world.set_boost(tier)
    answer = await upload(raw, sizes)
    if refusal is None:
        assert answer.status == 200
        assert [item["size"] for item in answer.body["attachments"]] == sizes
    else:
        assert answer.refusal == refusal


async def test_the_bot_is_told_the_limit_of_its_server(playground: Playground) -> None:
    async with connected(playground) as bot:
        assert bot.guilds[0].filesize_limit == 10 * MIB
        updated = asyncio.create_task(bot.wait_for("guild_update"))
        await asyncio.sleep(0)
        playground.world.set_boost(2)
        await asyncio.wait_for(updated, 120)
        assert bot.guilds[0].filesize_limit == 50 * MIB
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send(file=discord.File(io.BytesIO(bytes(50 * MIB + 1)), "big.mp4"))
        assert (refused.value.status, refused.value.code) == (413, 40005)
