"""Every error of Discord, and of the connection to it, is one of a few: in one place."""

import ast
import errno
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import discord
import pytest

from bot.chat import trouble
from bot.chat.explain import explain
from bot.chat.trouble import (
    AlreadyDone,
    Archived,
    Denied,
    Expired,
    Forbidden,
    Full,
    Gone,
    Locked,
    Lost,
    Rejected,
    TooLarge,
    translated,
    translation,
)
from bot.errors import Busy, Refusal
from tests.rig.every import for_every
from tests.test_architecture import FILES, ROOT

JSON = {"Content-Type": "application/json"}


def answered(status, code=0, *, headers=JSON, body=None):
    """The error that discord.py makes of an answer."""
    response = SimpleNamespace(status=status, reason="", headers=headers)
    message = body if body is not None else {"code": code, "message": "No."}
    kinds = {403: discord.Forbidden, 404: discord.NotFound}
    kind = kinds.get(status, discord.DiscordServerError if status >= 500 else discord.HTTPException)
    return kind(response, message)


CODES = {
    Gone: [(404, 10003), (404, 10004), (404, 10007), (404, 10008), (404, 10013), (400, 10014),
           (404, 10063), (404, 10087), (404, 0)],
    Expired: [(404, 10015), (404, 10062), (401, 50027)],
    AlreadyDone: [(400, 40060), (400, 160004)],
    Archived: [(400, 50083)],
    Locked: [(400, 160005)],
    Full: [(400, 30003), (400, 30010), (400, 30033), (400, 160006), (400, 40094)],
    TooLarge: [(413, 40005), (413, 0), (400, 50045)],
    Rejected: [(400, 50035), (400, 50006), (400, 200000), (400, 200001), (400, 240000),
               (400, 50109), (400, 50046), (405, 0), (400, 987654)],
    Forbidden: [(403, 50001), (403, 50013), (403, 50007), (403, 50278), (403, 160002), (403, 40007),
                (403, 90001), (400, 50024), (403, 0), (401, 0), (403, 987654)],
    Busy: [(429, 0), (429, 20016), (429, 20028), (429, 30034), (400, 30034), (429, 30046),
           (429, 40003), (403, 40004), (429, 40062), (400, 130000), (503, 130000), (408, 0)],
    Lost: [(500, 0), (502, 0), (503, 0), (504, 0), (520, 0), (524, 0)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(*each, kind) for kind, answers in CODES.items() for each in answers],
)
def test_each_code_is_one_kind_with_a_sentence_of_its_own(status, code, kind):
    known = translation(answered(status, code))
    # What passes with time may come with a 5xx, of which nobody knows whether it was carried out.
    assert type(known) is kind or (kind is Busy and status >= 500 and type(known) is Lost)
    assert str(known).endswith(".")
    assert "50" not in str(known), "no code is shown to people"
    assert known.raw


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiohttp.ServerDisconnectedError(), Lost),
        (aiohttp.ClientPayloadError(), Lost),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), Lost),
        (
            aiohttp.ClientConnectorError(
                SimpleNamespace(ssl=True, host="x", port=1), OSError(111, "refused")
            ),
            Busy,
        ),
        (aiohttp.ServerTimeoutError(), Lost),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Lost),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Busy),
        (BrokenPipeError(), Lost),
        (TimeoutError(), Lost),
        (RuntimeError("Session is closed"), Busy),
        (discord.RateLimited(12.5), Busy),
        (discord.GatewayNotFound(), Busy),
        (discord.ConnectionClosed(SimpleNamespace(close_code=1006), shard_id=None), Busy),
        (discord.InteractionResponded(SimpleNamespace()), AlreadyDone),
    ],
)
def test_so_is_each_error_of_the_connection(error, kind):
    assert type(translation(error)) is kind


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file", "/data/takes/1.mp4"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("a bug"),
        RuntimeError("a bug"),
        discord.LoginFailure("a token"),
        discord.PrivilegedIntentsRequired(None),
    ],
)
def test_what_is_not_discords_stays_what_it_is(error):
    assert translation(error) is None
    with pytest.raises(type(error)) as raised, translated():
        raise error
    assert raised.value is error


@pytest.mark.parametrize("status", [400, 403, 404, 405, 429, 502, 503])
def test_a_page_instead_of_an_answer_is_never_a_no(status):
    """What stands before Discord says it, and knows nothing of permissions and messages."""
    page = answered(status, headers={"Content-Type": "text/html"}, body="<html>blocked</html>")
    assert isinstance(translation(page), Busy)


def test_a_file_may_be_too_large_before_discord_sees_it():
    page = answered(413, headers={"Content-Type": "text/html"}, body="<html>too large</html>")
    assert isinstance(translation(page), TooLarge)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2.5", 2.5), ("65", 65.0), ("-1", 0.0), ("1e9", trouble.LONGEST), ("nan", None), ("", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)  # fmt: skip
def test_how_long_to_wait_is_read_and_bounded(header, seconds):
    known = translation(answered(429, headers={**JSON, "Retry-After": header}))
    assert known.retry_after == seconds


def test_what_is_translated_is_not_translated_again():
    with pytest.raises(Gone) as raised, translated(), translated():
        raise answered(404, 10008)
    assert isinstance(raised.value.__cause__, discord.NotFound)
    assert translation(raised.value) is raised.value


def test_a_no_is_a_refusal_and_trouble_is_busy():
    """So that whoever knows nothing of Discord does the right thing with it."""
    kinds = [each for each in vars(trouble).values() if isinstance(each, type)]
    mine = [each for each in kinds if each.__module__ == "bot.chat.trouble"]
    assert all(issubclass(each, Refusal | Busy) for each in mine)
    assert {each for each in mine if issubclass(each, Denied)} - {Denied} == {
        each for each in CODES if each not in (Busy, Lost)
    }


def test_it_is_explained_as_any_other_refusal(caplog):
    said = explain(discord.app_commands.CommandInvokeError(SimpleNamespace(name="x"), expired()))
    assert said == "That took too long for Discord. Try again."
    assert not caplog.records, "it is no bug of ours"


def expired():
    return answered(404, 10062)


@for_every([p for p in FILES if p.startswith(("bot/", "cogs/"))])
def test_nobody_else_looks_at_statuses_and_codes(place):
    """`except discord.…`, `except aiohttp.…` and statuses stand in one module.

    `bot/chat/login.py` is the second, with `bot/app`: they run where there is no bot yet, and tell
    an operator what to set up, where everybody else tells a person what became of an order.
    """
    elsewhere = {
        *("bot/chat/trouble.py", "bot/chat/login.py"),
        *("bot/files/fetch.py", "bot/files/operator_url.py"),  # they ask others than Discord
    }
    if place in elsewhere or place.startswith(("bot/providers/", "bot/app/")):
        return
    for node in ast.walk(ast.parse(Path(ROOT / place).read_text())):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            named = {
                f"{each.value.id}.{each.attr}"
                for each in ast.walk(node.type)
                if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)
            }
            foreign = {each for each in named if each.startswith(("discord.", "aiohttp."))}
            assert not foreign, f"{place}:{node.lineno} catches {foreign}: use bot.trouble"
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "suppress":
            named = {ast.unparse(each) for each in node.args}
            foreign = {each for each in named if each.startswith(("discord.", "aiohttp."))}
            assert not foreign, f"{place}:{node.lineno} hides {foreign}: use bot.trouble"
