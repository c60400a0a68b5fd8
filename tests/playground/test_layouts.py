"""Components V2 are held to Discord's rules: what it refuses, by which name; where files are."""

import io
import json
from typing import Any

import aiohttp
import discord
import pytest

from playground import Playground
from tests.rig.raw_calls import V2, Raw, raw, text
from tests.rig.toybot import connected

__all__ = ["raw"]
LEGACY = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
REMOVED = "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG"
TOO_MUCH_TEXT = "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"
TOO_MANY_PARTS = "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"
NO_FILE = "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"
POLL = {"question": {"text": "q"}, "answers": [{"poll_media": {"text": "a"}}]}


def box(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": 17, "components": list(parts)}


def gallery(url: str) -> dict[str, Any]:
    return {"type": 12, "items": [{"media": {"url": url}}]}


def codes(errors: Any) -> list[str]:
    """The names that an invalid form gives, wherever they stand in it."""
    if isinstance(errors, list):
        return [item["code"] for item in errors]
    return [code for each in errors.values() for code in codes(each)]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"flags": V2, "content": "x", "components": [text("t")]}, "content", LEGACY),
        ({"flags": V2, "embeds": [{"title": "t"}], "components": [text("t")]}, "embeds", LEGACY),
        ({"flags": V2, "sticker_ids": ["1"], "components": [text("t")]}, "sticker_ids", LEGACY),
        ({"flags": V2, "poll": POLL, "components": [text("t")]}, "poll", LEGACY),
        ({"flags": V2, "components": [text("t" * 2000)] * 3}, "components", TOO_MUCH_TEXT),
        ({"flags": V2, "components": [box(*[text("t")] * 40)]}, "components", TOO_MANY_PARTS),
        ({"flags": V2, "components": [gallery("attachment://a.png")]}, "components", NO_FILE),
        (
            {"flags": V2, "components": [{"type": 13, "file": {"url": "attachment://a.zip"}}]},
            "components",
            NO_FILE,
        ),
        ({"components": [text("t")]}, "components", "UNION_TYPE_CHOICES"),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
async def test_what_a_layout_may_not_hold_has_the_name_that_discord_gives(
    raw: Raw, body: Any, field: str, code: str
) -> None:
    answer = await raw("POST", raw.videos + "/messages", body)
    assert answer.refusal == (400, 50035)
    assert codes(answer.body["errors"]) == [code]
    assert list(answer.body["errors"]) == [field]
    assert not raw.playground.person("mira").messages("videos")


async def test_parts_within_parts_count_and_40_are_allowed(raw: Raw) -> None:
    section = {
        "type": 9,
        "components": [text("t")],
        "accessory": {"type": 2, "style": 2, "label": "?", "custom_id": "q"},
    }
    fits = {"flags": V2, "components": [box(section, *[text("t")] * 36)]}
    assert (await raw("POST", raw.videos + "/messages", fits)).status == 200
    over = {"flags": V2, "components": [box(section, *[text("t")] * 37)]}
    assert (await raw("POST", raw.videos + "/messages", over)).refusal == (400, 50035)


async def test_more_bytes_than_discord_can_keep_are_its_error(raw: Raw) -> None:
    """4000 Japanese characters are allowed, it says, and answers 500 (discord-api-docs #8554)."""
    fits = {"flags": V2, "components": [text("狐" * 3386)]}
    assert (await raw("POST", raw.videos + "/messages", fits)).status == 200
    over = {"flags": V2, "components": [text("狐" * 3387)]}
    assert (await raw("POST", raw.videos + "/messages", over)).status == 500


async def test_a_layout_stays_one_and_a_message_becomes_one_without_its_words(raw: Raw) -> None:
    async def changed(sent: Any, body: Any) -> Any:
        return await raw("PATCH", f"{raw.videos}/messages/{sent.body['id']}", body)

    layout = await raw("POST", raw.videos + "/messages", {"flags": V2, "components": [text("t")]})
    back = await changed(layout, {"flags": 0})
    assert codes(back.body["errors"]) == [REMOVED]
    assert codes((await changed(layout, {"content": "x"})).body["errors"]) == [LEGACY]
    plain = await raw("POST", raw.videos + "/messages", {"content": "words"})
    upgrade = {"flags": V2, "components": [text("t")]}
    assert codes((await changed(plain, upgrade)).body["errors"]) == [LEGACY]
    assert (await changed(plain, {**upgrade, "content": None})).status == 200


class Card(discord.ui.LayoutView):
    def __init__(self, words: str, *names: str) -> None:
        super().__init__(timeout=None)
        parts = [discord.MediaGalleryItem(f"attachment://{name}") for name in names]
        self.add_item(
            discord.ui.Container(discord.ui.TextDisplay(words), discord.ui.MediaGallery(*parts))
        )


async def test_a_file_that_a_part_shows_is_listed_there_alone_and_kept_by_an_edit(
    playground: Playground,
) -> None:
    mira = playground.person("mira")
    async with connected(playground) as bot:
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        files = [discord.File(io.BytesIO(b"clip"), name) for name in ("a.mp4", "hidden.mp4")]
        sent = await channel.send(view=Card("first", "a.mp4"), files=files)
        fetched = await channel.fetch_message(sent.id)
        for message in (sent, fetched):
            assert [each.filename for each in message.attachments] == ["hidden.mp4"]
        await sent.edit(view=Card("second", "a.mp4"))
        shown = await mira.wait_for("second")
        clip = next(each for each in shown.attachments if each.filename == "a.mp4")
        assert clip.size == 4
        async with aiohttp.ClientSession() as web, web.get(clip.url) as answer:
            assert await answer.read() == b"clip"
        with pytest.raises(discord.HTTPException) as refused:
            await sent.edit(view=Card("third", "a.mp4"), attachments=[])
        assert refused.value.code == 50035


async def test_a_mention_in_a_layout_pings_whom_it_may(playground: Playground) -> None:
    mira, jonas = playground.person("mira"), playground.person("jonas")
    async with connected(playground) as bot:
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        view = discord.ui.LayoutView()
        view.add_item(discord.ui.TextDisplay(f"<@{mira.id}> and <@{jonas.id}>"))
        allowed = discord.AllowedMentions(
            everyone=False, roles=False, users=[discord.Object(mira.id)]
        )
        await channel.send(view=view, allowed_mentions=allowed)
        assert (await mira.wait_for("and")).mentions == (mira.id,)
