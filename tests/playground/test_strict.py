"""What Discord documents that is easily forgotten: forms, embeds, menus, full places, nonces."""

import json
from typing import Any

import aiohttp
import pytest

from playground import PersonCannot, Playground
from tests.rig.raw_calls import V2, Keeper, Raw, button, command, option, raw, text
from tests.rig.toybot import connected

__all__ = ["raw"]

LINK = {"type": 2, "style": 5, "label": "x", "url": "https://x.example"}
MENU = {
    "type": 3,
    "custom_id": "m",
    "options": [{"label": str(number), "value": str(number)} for number in range(3)],
}


def row(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": 1, "components": list(parts)}]


def gallery(url: str) -> dict[str, Any]:
    return {"flags": V2, "components": [{"type": 12, "items": [{"media": {"url": url}}]}]}


def picked(*chosen: int) -> list[dict[str, Any]]:
    return [{**each, "default": int(each["value"]) in chosen} for each in MENU["options"]]


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x", "components": row({"type": 2, "style": 1, "custom_id": "b"})},
        {"content": "x", "components": row({**LINK, "url": "javascript:alert(1)"})},
        {"content": "x", "components": row({**LINK, "url": "https://" + "x" * 510})},
        {"content": "x", "components": row({**LINK, "custom_id": "b"})},
        {"content": "x", "components": row(button(1, custom_id=""))},
        {"content": "x", "components": row({**MENU, "custom_id": "c" * 101})},
        {"content": "x", "components": row({**MENU, "options": []})},
        {"content": "x", "components": row({**MENU, "max_values": 4})},
        {"content": "x", "components": row({**MENU, "min_values": 4, "max_values": 5})},
        {"content": "x", "components": row({**MENU, "options": picked(0, 1)})},
        {"content": "x", "components": row({**MENU, "placeholder": "p" * 151})},
        {"content": "x", "components": row(MENU, button(1))},
        {"content": "x", "embeds": [{"fields": [{"name": "", "value": "v"}]}]},
        {"content": "x", "embeds": [{"fields": [{"name": "n", "value": " "}]}]},
        {"content": "x", "embeds": [{"title": "t", "url": "not a link"}]},
        {"content": "x", "embeds": [{"image": {"url": "file:///etc/passwd"}}]},
        {"content": "x", "embeds": [{"title": "t", "color": 0x1000000}]},
        {"content": "x", "embeds": [{"title": "t" * 250, "description": "d" * 4000}] * 2},
        {"content": "x", "allowed_mentions": {"users": [str(n) for n in range(1, 102)]}},
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        {"flags": V2, "components": [{"type": 17, "components": []}]},
        {"flags": V2, "components": [{"type": 13, "file": {"url": "https://x.example/a.zip"}}]},
        {"flags": V2, "components": [{"type": 17, "components": [text("t" * 2001)] * 2}]},
        {"flags": V2, "components": [{"type": 9, "components": [text("t")]}]},
        {"flags": V2, "components": [{"type": 17, "components": [text("t")] * 40}]},
        {"flags": V2, "components": [text("")]},
        gallery("ftp://x.example/a.png"),
        gallery("attachment://missing.png"),
    ],
    ids=lambda body: json.dumps(body)[:70],
)
async def test_what_a_message_may_not_hold_is_an_invalid_form(raw: Raw, body: Any) -> None:
    assert (await raw("POST", raw.videos + "/messages", body)).refusal == (400, 50035)
    sent = await raw("POST", raw.videos + "/messages", {"content": "fine"})
    assert (await raw("PATCH", f"{raw.videos}/messages/{sent.body['id']}", body)).refusal == (
        400,
        50035,
    )
    assert [each.text for each in raw.playground.person("mira").everything()] == ["fine"]


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": " \n"}, {"embeds": []}], ids=str)
async def test_an_empty_message_has_a_code_of_its_own(raw: Raw, body: Any) -> None:
    assert (await raw("POST", raw.videos + "/messages", body)).refusal == (400, 50006)


async def test_a_file_has_a_name_and_an_alt_text_of_limited_length(raw: Raw) -> None:
    async def send(name: str, alt: str) -> Any:
        form = aiohttp.FormData()
        said = {"attachments": [{"id": 0, "filename": name, "description": alt}]}
        form.add_field("payload_json", json.dumps(said))
        form.add_field("files[0]", b"x", filename=name)
        return await raw("POST", raw.videos + "/messages", data=form)

    assert (await send("a.mp4", "x" * 1024)).status == 200
    assert (await send("a.mp4", "x" * 1025)).refusal == (400, 50035)
    assert (await send("a" * 260 + ".mp4", "")).refusal == (400, 50035)


# ---------------------------------------------------------------------- forms


def field(**more: Any) -> dict[str, Any]:
    part = {"type": 4, "custom_id": "t", "style": 1, **more}
    return {"type": 18, "label": "Text", "component": part}


def labelled(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": 18, "label": "Pick", "component": part}


def modal(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": 9, "data": {"title": "t", "custom_id": "m", "components": parts, **more}}


WRONG_FORMS = {
    "preset too long": modal(field(value="x" * 501, max_length=500)),
    "preset too long without a limit": modal(field(value="x" * 4001)),
    "preset too short": modal(field(value="x", min_length=2)),
    "limits crossed": modal(field(min_length=5, max_length=4)),
    "limit too high": modal(field(max_length=4001)),
    "placeholder": modal(field(placeholder="p" * 101)),
    "label": modal({**field(), "label": "l" * 46}),
    "no label": modal({**field(), "label": ""}),
    "description": modal({**field(), "description": "d" * 101}),
    "title": modal(field(), title="t" * 46),
    "custom id": modal(field(), custom_id="c" * 101),
    "field's custom id": modal(field(custom_id="c" * 101)),
    "twice the same": modal(field(), field()),
    "six": modal(*(field(custom_id=str(number)) for number in range(6))),
    "none": modal(),
    "not in a label": modal(field()["component"]),
    "a button": modal({"type": 1, "components": [button(1)]}),
    "too many beforehand": modal(labelled({**MENU, "options": picked(0, 1)})),
    "more than there are": modal(labelled({**MENU, "max_values": 4})),
    "one radio button": modal(
        labelled({"type": 21, "custom_id": "r", "options": MENU["options"][:1]})
    ),
    "two radio buttons set": modal(
        labelled({"type": 21, "custom_id": "r", "options": picked(0, 1)})
    ),
    "eleven files": modal(labelled({"type": 19, "custom_id": "f", "max_values": 11})),
}


@pytest.mark.parametrize("body", WRONG_FORMS.values(), ids=WRONG_FORMS)
async def test_a_form_that_discord_would_not_open_is_refused(raw: Raw, body: Any) -> None:
    async with connected(raw.playground, bot := Keeper()):
        asked = await bot.asked(raw.playground)
        path = f"/interactions/{asked.id}/{asked.token}/callback"
        assert (await raw("POST", path, body)).refusal == (400, 50035)
        fine = modal(field(value="x" * 500, max_length=500, min_length=500))
        assert (await raw("POST", path, fine)).status == 204


async def test_what_a_person_types_into_a_form_must_fit_too(raw: Raw) -> None:
    mira = raw.playground.person("mira")
    async with connected(raw.playground, bot := Keeper()):
        asked = await mira.type("/keep")
        kept = await bot.kept.get()
        path = f"/interactions/{kept.id}/{kept.token}/callback"
        await raw("POST", path, modal(field(min_length=2, max_length=4, value="abc")))
        await asked.answered
        for wrong in ("x", "xxxxx", ""):
            with pytest.raises(PersonCannot):
                await mira.fill(asked, t=wrong)
        await mira.fill(asked, t="four")


# ---------------------------------------------------------------------- nonces


async def test_a_nonce_is_its_authors_wherever_it_was_used(raw: Raw) -> None:
    other = f"/channels/{raw.playground.channel('storyboards').id}/messages"
    once = {"content": "once", "nonce": "n", "enforce_nonce": True}
    first = await raw("POST", raw.videos + "/messages", once)
    again = await raw("POST", other, {**once, "content": "elsewhere"})
    assert again.body["id"] == first.body["id"], "the message that was made, in its own channel"
    assert again.body["channel_id"] == first.body["channel_id"]
    assert len(raw.playground.person("mira").everything()) == 1
    free = await raw("POST", other, {"content": "not enforced", "nonce": "n"})
    assert free.body["id"] != first.body["id"]
    raw.playground.clock.advance(301)
    late = await raw("POST", other, once)
    assert late.body["id"] not in {first.body["id"], free.body["id"]}


# ---------------------------------------------------------------------- full places


async def test_a_channel_takes_so_many_pins(raw: Raw) -> None:
    raw.playground.world.most_pins = 3
    sent = [await raw("POST", raw.videos + "/messages", {"content": str(n)}) for n in range(4)]
    paths = [f"{raw.videos}/messages/pins/{each.body['id']}" for each in sent]
    assert [(await raw("PUT", path)).status for path in paths[:3]] == [204] * 3
    assert (await raw("PUT", paths[3])).refusal == (400, 30003)
    assert (await raw("PUT", paths[0])).status == 204, "one that is pinned stays so"
    assert (await raw("DELETE", paths[0])).status == 204
    assert (await raw("PUT", paths[3])).status == 204


async def test_a_server_takes_so_many_active_threads(raw: Raw) -> None:
    world = raw.playground.world
    world.most_threads = 2
    sent = [await raw("POST", raw.videos + "/messages", {"content": str(n)}) for n in range(3)]
    paths = [f"{raw.videos}/messages/{each.body['id']}/threads" for each in sent]
    made = [await raw("POST", path, {"name": "t"}) for path in paths[:2]]
    assert (await raw("POST", paths[2], {"name": "t"})).refusal == (400, 160006)
    loose = {"name": "t", "type": 11}
    assert (await raw("POST", raw.videos + "/threads", loose)).refusal == (400, 160006)
    world.archive_thread(int(made[0].body["id"]))
    assert (await raw("POST", paths[2], {"name": "t"})).status == 201


async def test_automod_blocks_words_wherever_they_are_read(raw: Raw) -> None:
    raw.playground.world.blocked_words = {"Fox"}
    path = raw.videos + "/messages"
    blocked = [
        {"content": "a red FOX"},
        {"embeds": [{"title": "t", "footer": {"text": "foxes"}}]},
        {"flags": V2, "components": [{"type": 17, "components": [text("a fox")]}]},
    ]
    for body in blocked:
        assert (await raw("POST", path, body)).refusal == (400, 200000)
    sent = await raw("POST", path, {"content": "a red owl"})
    edit = f"{path}/{sent.body['id']}"
    assert (await raw("PATCH", edit, {"content": "a fox"})).refusal == (400, 200000)
    async with connected(raw.playground, bot := Keeper()):
        asked = await bot.asked(raw.playground)
        answer = f"/interactions/{asked.id}/{asked.token}/callback"
        assert (await raw("POST", answer, {"type": 4, "data": blocked[0]})).refusal == (400, 200000)
        await asked.response.defer(thinking=True)
        token = f"/webhooks/{asked.application_id}/{asked.token}"
        original = token + "/messages/@original"
        assert (await raw("PATCH", original, blocked[0])).refusal == (400, 200000)
        assert (await raw("POST", token, blocked[0])).refusal == (400, 200000)


async def test_nothing_in_an_archived_thread_can_be_changed(raw: Raw) -> None:
    sent = await raw("POST", raw.videos + "/messages", {"content": "x"})
    await raw("POST", f"{raw.videos}/messages/{sent.body['id']}/threads", {"name": "t"})
    thread = f"/channels/{sent.body['id']}"
    inside = await raw("POST", thread + "/messages", {"content": "y"})
    message = f"{thread}/messages/{inside.body['id']}"
    await raw("PUT", message + "/reactions/⭐/@me")
    raw.playground.world.archive_thread(int(sent.body["id"]))
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", message, {"content": "z"}),
        ("DELETE", message, None),
        ("PUT", message + "/reactions/❌/@me", None),
        ("DELETE", message + "/reactions/⭐/@me", None),
        ("DELETE", message + "/reactions", None),
        ("PUT", f"{thread}/messages/pins/{inside.body['id']}", None),
        ("PUT", thread + "/thread-members/@me", None),
    ]
    for method, path, body in changes:
        raw.playground.clock.advance(1)
        assert (await raw(method, path, body)).refusal == (400, 50083), path
    assert (await raw("POST", thread + "/messages", {"content": "opens it"})).status == 200
    assert (await raw("DELETE", message)).status == 204


async def test_old_messages_are_not_deleted_in_bulk(raw: Raw) -> None:
    sent = [await raw("POST", raw.videos + "/messages", {"content": str(n)}) for n in range(2)]
    ids = [each.body["id"] for each in sent]
    raw.playground.clock.advance(15 * 86_400)
    path = raw.videos + "/messages/bulk-delete"
    assert (await raw("POST", path, {"messages": ids})).refusal == (400, 50034)


# ---------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    "wrong",
    [
        [command(options=[option("a"), option("a")])],
        [command(options=[option(choices=[{"name": "n", "value": v} for v in "ab"])])],
        [command(options=[option(choices=[{"name": n, "value": "v"} for n in "ab"])])],
        [command(options=[option(autocomplete=True, choices=[{"name": "n", "value": "v"}])])],
        [command(options=[option(min_length=6001)])],
        [command(options=[option(max_length=0)])],
        [command(options=[option(type=12)])],
        [command(options=[option(type=1), option("b")])],
        [command(options=[{**option(type=2), "options": [option("b")]}])],
        [command(options=[{**option(), "options": [option("b")]}])],
        [command(name_localizations={"de": "Zwei Worte"})],
        [command(description_localizations={"de": "x" * 101})],
        [command(type=3, name="m", description="menus have none")],
    ],
    ids=lambda wrong: json.dumps(wrong)[60:130],
)
async def test_a_command_is_held_to_every_rule(raw: Raw, wrong: list[Any]) -> None:
    path = f"/applications/{raw.playground.world.application_id}/commands"
    assert (await raw("PUT", path, wrong)).refusal == (400, 50035)


async def test_two_hundred_new_commands_a_day(raw: Raw) -> None:
    path = f"/applications/{raw.playground.world.application_id}/commands"
    for day in range(2):
        for turn in range(2):
            for _ in range(2):  # the second time none of them is new
                names = [command(name=f"c{turn}-{number}") for number in range(100)]
                assert (await raw("PUT", path, names)).status == 200
        names = [command(name=f"other{day}")]
        assert (await raw("PUT", path, names)).refusal == (400, 30034)
        raw.playground.clock.advance(86_401)


async def test_three_seconds_are_three_seconds_everywhere(playground: Playground) -> None:
    assert not hasattr(playground.world, "ack_within")
