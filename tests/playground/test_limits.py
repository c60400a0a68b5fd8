"""The playground refuses what Discord refuses, with Discord's own status and code."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from playground import Playground, open_playground
from playground.discord.buckets import OLD_EDITS
from tests.rig.toybot import ToyBot, connected

MIB = 2**20


class Raw:
    """REST without discord.py, which would not send most of what is refused here."""

    def __init__(self, playground: Playground, web: aiohttp.ClientSession) -> None:
        self.playground = playground
        self._web = web
        self.videos = f"/channels/{playground.channel('videos').id}"

    async def __call__(self, method: str, path: str, body: Any = None, **how: Any) -> "Answer":
        if body is not None:
            how["json"] = body
        headers = {"Authorization": f"Bot {self.playground.token}"}
        url = self.playground.api_url + path
        async with self._web.request(method, url, headers=headers, **how) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text else {}, answer.headers)


class Answer:
    def __init__(self, status: int, body: Any, headers: Any) -> None:
        self.status, self.body, self.headers = status, body, headers

    @property
    def refusal(self) -> tuple[int, int]:
        return self.status, self.body["code"]


@pytest.fixture
async def raw(playground: Playground) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as web:
        yield Raw(playground, web)


def button(number: int, **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "x", "custom_id": f"b{number}", **more}


def rows(count: int, each: int) -> list[dict[str, Any]]:
    numbers = [range(row * each, row * each + each) for row in range(count)]
    return [{"type": 1, "components": [button(number) for number in row]} for row in numbers]


def text(content: str) -> dict[str, Any]:
    return {"type": 10, "content": content}


V2 = 1 << 15
SMALL = {"content": "x"}
FIELD = {"name": "n", "value": "v"}


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


async def upload(raw: Raw, sizes: list[int], path: str = "/messages") -> Answer:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps(SMALL), content_type="application/json")
    for number, size in enumerate(sizes):
        form.add_field(f"files[{number}]", io.BytesIO(bytes(size)), filename=f"{number}.bin")
    return await raw("POST", raw.videos + path, data=form)


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


# ---------------------------------------------------------------------- rate limits


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


# ---------------------------------------------------------------------- interactions


class Keeper(ToyBot):
    """Keeps every interaction unanswered, for the test to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: asyncio.Queue[discord.Interaction] = asyncio.Queue()

        @self.tree.command(name="keep", description="Keep it")
        async def keep(interaction: discord.Interaction) -> None:
            self.kept.put_nowait(interaction)

    async def asked(self, playground: Playground) -> discord.Interaction:
        await playground.person("mira").type("/keep")
        return await asyncio.wait_for(self.kept.get(), 120)


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


def command(**more: Any) -> dict[str, Any]:
    return {"name": "clip", "description": "Make a clip", "type": 1, **more}


def option(name: str = "prompt", **more: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "d", **more}


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
