"""The start meets a Discord, a network or a disk in trouble: a sentence, and never a traceback."""

import asyncio
import contextlib
import json
import signal
import socket

import discord
import pytest

from bot.app.cli import sync
from bot.app.compose import deploy
from bot.app.configuration import Configuration
from bot.app.doctor import doctor
from bot.chat.connection import point_at
from bot.chat.login import FIRST_PAUSE, LONGEST_PAUSE, patiently
from bot.chat.sessions import FAR_APART, OFTEN, Sessions, identify_pause, identify_wait
from bot.exits import Exit
from tests.rig.front import PAGE, front
from tests.rig.house import settings_for, until
from tests.rig.processes import process
from tests.rig.proving import one_in

LOGIN, COMMANDS = "/users/@me", "/applications/[0-9]+/commands"
CODE = json.dumps({"code": 50001, "message": "Missing Access"})
CAPTIVE = {"status": 200, "body": PAGE, "type": "text/html"}

ENDS = [
    (LOGIN, {"status": 403}, "Discord blocks the bot's login (403)"),
    (LOGIN, {"status": 404}, "There is no Discord API at "),
    (LOGIN, {"status": 400}, "Discord refuses the login (400)"),
    (LOGIN, CAPTIVE, "http://127.0.0.1:"),
    ("/oauth2/applications/@me", CAPTIVE, "http://127.0.0.1:"),
    ("/oauth2/applications/@me", {"status": 403}, "Discord blocks the bot's login (403)"),
    (
        COMMANDS,
        {"status": 403, "body": CODE, "type": "application/json"},
        "Discord doesn't let this bot register its commands (403, code 50001)",
    ),
    (COMMANDS, {"status": 404}, "There is no Discord API at "),
    (COMMANDS, {"status": 400}, "Discord refuses the bot's commands (400)"),
    (COMMANDS, CAPTIVE, "http://127.0.0.1:"),
]


@pytest.fixture
async def there(playground):
    async with front(playground) as made:
        yield made


def environ(there, playground, data):
    return {
        "DISCORD_TOKEN": playground.token,
        "DISCORD_API_URL": there.api_url,
        "DISCORD_GATEWAY_URL": playground.gateway_url,
        "DAILIES_DATA": str(data),
        "DAILIES_WEB_PORT": "0",
    }


async def ended(command, log, environ):
    """The code and the lines of a command that is expected to end."""
    async with process("-m", "bot", command, log=log, environ=environ) as bot:
        code = await asyncio.wait_for(bot.wait(), 90)
    return code, log.read_text().splitlines()


@pytest.fixture
def pointed(there, playground, tmp_path):
    """Settings of a bot whose Discord is *there*."""
    before = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    point_at(there.api_url, playground.gateway_url)
    yield settings_for(playground, tmp_path / "data").model_copy(
        update={"discord_api_url": there.api_url}
    )
    discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = before


@pytest.mark.parametrize(("path", "said", "sentence"), one_in(3, ENDS))
async def test_what_waiting_does_not_mend_ends_with_one_sentence(
    there, pointed, path, said, sentence
):
    there.say(path, **said)
    async with deploy(pointed, environ={}, providers={}) as deployment:
        with pytest.raises(Exit) as ended:
            await deployment.run(asyncio.Event())
    line = str(ended.value)
    assert ended.value.code == 1
    assert line.startswith(sentence)
    assert ". " in line, "what to do is said after what is wrong"
    assert not {"<", "\n"} & set(line)


async def test_a_process_leaves_nothing_but_that_sentence(playground, there, tmp_path):
    there.say(COMMANDS, 403)
    code, lines = await ended("run", tmp_path / "log", environ(there, playground, tmp_path / "d"))
    assert code == 1
    [line] = lines
    assert line.startswith("Discord doesn't let this bot register its commands (403)")


@pytest.mark.parametrize("status", [403, 404, 503, 200])
async def test_doctor_says_it_too_and_goes_on_to_its_end(there, pointed, capsys, status):
    there.say(LOGIN, status)
    code = await doctor(Configuration(settings=pointed, environ={}, sections={}))
    assert code == 1
    [line] = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith("✗ Discord: ")
    ]
    assert " → " in line


async def test_sync_needs_no_data_and_says_what_is_wrong(there, pointed, capsys, tmp_path):
    assert await sync(pointed) == 0
    assert "commands now" in capsys.readouterr().out
    there.say(COMMANDS, 403)
    with pytest.raises(Exit, match="doesn't let this bot register"):
        await sync(pointed)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("path", "status"), one_in(2, [(LOGIN, 503), (COMMANDS, 429)]))
async def test_trouble_of_discords_is_waited_for(playground, there, tmp_path, path, status):
    said = there.say(path, status, times=2)
    log = tmp_path / "log"
    given = environ(there, playground, tmp_path / "d")
    async with process("-m", "bot", "run", log=log, environ=given) as bot:
        await until(lambda: playground.online)
        assert said.given == 2
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 120) == 0
    text = log.read_text()
    assert f"Discord answers {status}; it is asked again in 2 s" in text
    assert "Traceback" not in text
    assert "<html>" not in text


async def test_a_stop_ends_the_waiting(playground, there, tmp_path):
    said = there.say(LOGIN, 503)
    log = tmp_path / "log"
    given = environ(there, playground, tmp_path / "d")
    async with process("-m", "bot", "run", log=log, environ=given) as bot:
        await until(lambda: said.given)
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 120) == 0
    assert "Traceback" not in log.read_text()


async def test_a_gateway_that_is_away_at_the_start_is_waited_for(playground, there, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    log = tmp_path / "log"
    given = environ(there, playground, tmp_path / "d")
    given["DISCORD_GATEWAY_URL"] = f"ws://127.0.0.1:{closed}/gateway"
    async with process("-m", "bot", "run", log=log, environ=given) as bot:
        await until(lambda: log.exists() and "gateway is lost" in log.read_text())
        async with passing(closed, playground.gateway_url):
            await until(lambda: playground.online)
            bot.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(bot.wait(), 120) == 0
    assert "Traceback" not in log.read_text()


@contextlib.asynccontextmanager
async def passing(port, gateway_url):
    """The gateway, come back at *port*: bytes are passed on to *gateway_url* as they are."""
    host, _, there = gateway_url.removeprefix("ws://").partition("/")[0].partition(":")

    async def pipe(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while part := await reader.read(65_536):
                writer.write(part)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        ahead, back = await asyncio.open_connection(host, int(there))
        await asyncio.gather(pipe(reader, back), pipe(ahead, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def test_a_pause_grows_to_a_minute():
    class Answer:
        status, reason, url = 503, "", "http://127.0.0.1/"

    pauses, tries = [], iter(range(8))

    async def ask():
        if next(tries) < 7:
            raise discord.DiscordServerError(Answer(), "no")
        return "there"

    async def sleep(seconds):
        pauses.append(seconds)

    assert await patiently(ask, api_url="", sleep=sleep) == "there"
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_no_day_has_more_sessions_than_discord_allows():
    now, began = 0.0, []
    while now < 86_400:
        recent = [at for at in began if now - at <= 3600]
        now += identify_pause(len(recent))
        began.append(now)
    assert len(began) < 1000


class Machine:
    """A machine's two clocks."""

    def __init__(self):
        self.wall, self.ticks = 1_796_000_000.0, 50.0

    def passes(self, seconds):
        self.wall += seconds
        self.ticks += seconds

    def boots(self):
        self.ticks = 3.0


def test_a_bot_that_dies_again_and_again_stays_below_what_discord_allows(tmp_path, caplog):
    machine, note, began = Machine(), tmp_path / "sessions.json", 0
    end = machine.wall + 86_400
    while machine.wall < end:
        process = Sessions(note, wall=lambda: machine.wall, ticks=lambda: machine.ticks)
        machine.passes(process.wait(initial=True))
        process.begin()
        began += 1
        machine.passes(2)  # then it dies, and is started again
        if began == 20:
            machine.boots()
    assert OFTEN < began < 1000
    assert "Look above why it ended so often" in caplog.text
    assert note.stat().st_size < 2000


def test_some_restarts_in_an_hour_need_not_wait_and_a_strange_note_is_none(tmp_path):
    machine, note = Machine(), tmp_path / "sessions.json"

    def start():
        return Sessions(note, wall=lambda: machine.wall, ticks=lambda: machine.ticks)

    for _ in range(OFTEN):
        process = start()
        assert process.wait(initial=True) == 0
        process.begin()
        machine.passes(1)
    assert process.wait(initial=False) == start().wait(initial=True) == FAR_APART - 1
    machine.wall -= 86_400  # somebody set the clock
    assert start().wait(initial=True) == 0
    for strange in ("", "nonsense", "{}", "[null]", '["x"]'):
        note.write_text(strange)
        assert start().wait(initial=True) == 0
    note.unlink()
    note.mkdir()
    process = start()
    process.begin()
    assert process.wait(initial=False) == 5


def test_shards_need_not_wait_and_processes_together_stay_below_what_discord_allows(tmp_path):
    machine, began, shards, processes = Machine(), 0, 4, 3
    sessions = [
        Sessions(tmp_path / str(each), wall=lambda: machine.wall, ticks=lambda: machine.ticks)
        for each in range(processes)
    ]
    free = [machine.wall] * processes  # when each of them may begin another one
    for _ in range(OFTEN + shards - 1):
        assert sessions[0].wait(initial=True, shards=shards, processes=processes) == 0
        sessions[0].begin()
        machine.passes(1)
    assert sessions[0].wait(initial=True, shards=shards, processes=processes) > FAR_APART
    end = machine.wall + 86_400
    while machine.wall < end:
        for number, each in enumerate(sessions):
            if free[number] <= machine.wall:
                each.begin()
                began += 1
                wait = each.wait(initial=True, shards=shards, processes=processes)
                free[number] = machine.wall + max(2.0, wait)
        machine.passes(1)
    assert began < 1000


def test_a_pause_that_is_cut_off_goes_on_where_it_was():
    """discord.py waits a minute for a session to begin, and the longest pause is over three."""
    began = [float(each) for each in range(10)]
    assert [identify_wait(began, 9.0 + cut) for cut in (0, 60, 120, 180, 240)] == [
        200,
        140,
        80,
        20,
        0,
    ]
    assert identify_wait([], 9.0) == 0.0


# The disk.


@pytest.fixture
async def small_disk(tmp_path):
    """A directory with little room, which is full."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = await asyncio.create_subprocess_exec(
        "mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await mounted.wait():
        pytest.skip("A small disk cannot be made here, so a full one was not tried.")
    yield folder
    await (await asyncio.create_subprocess_exec("umount", str(folder))).wait()


@pytest.mark.parametrize("command", ["run", "playground"])
async def test_a_full_disk_is_a_sentence(playground, there, tmp_path, small_disk, command):
    given = environ(there, playground, small_disk / "data")
    log = tmp_path / "log"
    arguments = ["--port", "0", "--data", str(small_disk)] if command == "playground" else []
    async with process("-m", "bot", command, *arguments, log=log, environ=given) as bot:
        assert await asyncio.wait_for(bot.wait(), 90) in {1, 2}
    [line] = log.read_text().splitlines()
    assert str(small_disk) in line
    assert "full" in line or "No space left" in line


@pytest.mark.parametrize("command", ["run", "check"])
async def test_data_that_cannot_be_made_is_a_sentence(playground, there, tmp_path, command):
    (tmp_path / "file").write_text("x")
    given = environ(there, playground, tmp_path / "file" / "data")
    code, lines = await ended(command, tmp_path / "log", given)
    assert code == 2
    [line] = lines
    assert str(tmp_path / "file") in line


@pytest.mark.parametrize("name", ["web", "callback"])
async def test_a_port_that_is_taken_is_named(pointed, name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        more = {f"dailies_{name}_port": port, "public_url": "https://dailies.example.org"}
        with pytest.raises(Exit, match=f"DAILIES_{name.upper()}_PORT {port} can't be used"):
            async with deploy(pointed.model_copy(update=more), environ={}, providers={}):
                pass
