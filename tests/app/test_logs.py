"""Structured logs: an object a line, what it is about, and neither secrets nor prompts in it."""

import io
import json
import logging
import signal
from collections import deque
from types import SimpleNamespace

import discord
import pytest

from bot.app import logs
from bot.errors import Refusal
from bot.log_context import speak_of_server, speaking
from tests.rig.house import until
from tests.rig.paid import ordered
from tests.rig.processes import process
from tests.rig.worker import clock, house, provider, screen, store  # noqa: F401  # fixtures

PROMPT = 'a "quiet" harbour\nat dawn, é, with fishing boats'


@pytest.fixture
def written():
    """What is logged in the JSON form, at any level: by all, or by loggers whose names begin so."""
    text = io.StringIO()
    handler = logs.handler("json")
    handler.setStream(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    def lines(begin=""):
        found = [json.loads(line) for line in text.getvalue().splitlines()]
        return [each for each in found if each["logger"].startswith(begin)]

    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_line_is_an_object_and_says_what_it_is_about(written):
    with speaking():
        speak_of_server(123456789012345678)
        logging.getLogger("bot.there").warning("Something\nwith %s", "api_key=SECRETsecret")
    logging.getLogger("bot.there").info("plain")
    first, second = written("bot.there")
    assert first["message"] == "Something\\nwith api_key=…"
    assert (first["level"], first["logger"]) == ("WARNING", "bot.there")
    assert first["guild"] == "123456789012345678", "JSON's numbers would round it"
    assert first["time"].endswith("Z")
    assert set(second) == {"time", "level", "logger", "message"}, "what is not known is left out"


def test_a_level_holds_whichever_was_begun_with_before():
    for level, gateway in (("INFO", logging.WARNING), ("DEBUG", logging.DEBUG)):
        logs.begin(level)
        assert logging.getLogger("discord.gateway").getEffectiveLevel() == gateway
        assert logging.getLogger("httpx").getEffectiveLevel() == logging.WARNING


def test_suggestions_that_did_not_arrive_are_a_line_and_other_trouble_keeps_its_traceback(written):
    late = {"code": 10062, "message": "Unknown interaction"}
    twice = {"code": 40060, "message": "Interaction has already been acknowledged."}
    wrong = {"code": 50035, "message": "Invalid Form Body"}
    answer = SimpleNamespace(status=404, reason="Not Found")
    bad = SimpleNamespace(status=400, reason="Bad Request", headers={})
    tree = logging.getLogger("discord.app_commands.tree")
    for error in (
        discord.NotFound(answer, late),
        discord.HTTPException(bad, twice),
        ConnectionResetError(104, "Connection reset by peer"),
        discord.HTTPException(bad, wrong),
        ValueError("a bug"),
    ):
        try:
            raise error
        except type(error):
            tree.exception("Ignoring exception in autocomplete for %r", "video text")
    *lines, ours, bug = written("discord.app_commands.tree")
    assert [each["message"].partition(":")[0] for each in lines] == [
        "Suggestions came too late",
        *["Suggestions may not have arrived"] * 2,
    ]
    assert {each["level"] for each in lines} == {"WARNING"}
    assert not any("exception" in each for each in lines)
    assert (ours["level"], bug["level"]) == ("ERROR", "ERROR")
    assert "Invalid Form Body" in ours["exception"]
    assert "a bug" in bug["exception"]


def test_a_traceback_is_one_field_of_one_line(written):
    try:
        raise ValueError("https://a.example/x?sig=SECRET")
    except ValueError:
        logging.getLogger("bot.there").exception("It broke")
    [line] = written("bot.there")
    assert line["message"] == "It broke"
    assert line["exception"].count("\n") > 2
    assert "ValueError: https://a.example/x?…" in line["exception"]


async def test_a_jobs_lines_have_its_number_its_server_and_its_attempt(house, provider, written):  # noqa: F811
    provider.submits = deque([Refusal("No.", raw="a reply of the company's")])
    job = await house.order(prompt=PROMPT)
    await house.run_now()
    [refused] = [line for line in written() if "was refused" in line["message"]]
    assert (refused["job"], refused["guild"], refused["attempt"]) == (job.id, "1", 1)
    logging.getLogger("bot.there").info("after it")
    assert "job" not in written("bot.")[-1]


@pytest.mark.parametrize(
    "quoted",
    [
        PROMPT,
        json.dumps({"prompt": PROMPT}),
        json.dumps({"prompt": PROMPT}, ensure_ascii=False),
        repr(PROMPT),
        json.dumps(json.dumps(PROMPT)),
        f"cut off: {PROMPT[:35]}",
    ],
)
async def test_no_prompt_stands_above_debug(house, provider, written, quoted):  # noqa: F811
    """A company's answer may quote what it was asked for."""
    provider.submits = deque([Refusal("No.", raw=quoted)])
    await house.order(prompt=PROMPT)
    await house.run_now()
    lines = [json.dumps(each, ensure_ascii=False) for each in written() if each["level"] != "DEBUG"]
    assert any("was refused" in each for each in lines)
    for word in ("quiet", "harbour", "dawn"):
        assert not [each for each in lines if word in each]


async def test_a_traceback_holds_no_prompt_either(house, provider, written):  # noqa: F811
    provider.submits = deque([LookupError(f"no such thing: {PROMPT}")])
    await house.order(prompt=PROMPT)
    await house.run_now()
    [line] = [each for each in written() if "LookupError" in each.get("exception", "")]
    assert "harbour" not in line["exception"]


def test_debug_keeps_it(written):
    with speaking():
        speak_of_server(1, PROMPT)
        logging.getLogger("bot.there").debug("asked for %s", PROMPT)
        logging.getLogger("bot.there").info("asked for %s", PROMPT)
    debug, info = written("bot.there")
    assert "harbour" in debug["message"]
    assert info["message"] == "asked for …"


async def test_whoever_orders_has_their_prompt_hidden_from_then_on(house, written):  # noqa: F811
    with speaking():
        await house.order(prompt=PROMPT)
        logging.getLogger("bot.chat.there").error("It broke with %r", PROMPT)
    assert written("bot.")[-1]["message"] == "It broke with '…'"


async def test_a_process_logs_so_from_its_first_line_to_its_last(playground, tmp_path):
    environ = {
        "DISCORD_TOKEN": playground.token,
        "DISCORD_API_URL": playground.api_url,
        "DISCORD_GATEWAY_URL": playground.gateway_url,
        "DAILIES_DATA": str(tmp_path / "data"),
        "DAILIES_WEB_PORT": "0",
        "DAILIES_LOG_FORMAT": "json",
        "DAILIES_LOG_LEVEL": "DEBUG",
    }
    log = tmp_path / "log"
    async with process("-m", "bot", "run", log=log, environ=environ) as bot:
        await until(lambda: playground.online)
        bot.send_signal(signal.SIGTERM)
        assert await bot.wait() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert playground.token not in log.read_text()


async def test_what_somebody_types_is_hidden_while_it_is_answered(paid_house, paid, mira, written):
    class Broken:
        def __iter__(self):
            raise LookupError(f"a bug with {PROMPT}")

    paid.models = Broken()
    await ordered(mira, prompt=PROMPT)
    [line] = [each for each in written() if "LookupError" in each.get("exception", "")]
    assert line["guild"] == str(paid_house.bot.guilds[0].id)
    above = [json.dumps(each, ensure_ascii=False) for each in written() if each["level"] != "DEBUG"]
    assert not [each for each in above if "harbour" in each]
