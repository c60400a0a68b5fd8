"""What an operator types: each command ends as it should, and says so in one sentence."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bot import __version__
from bot.media.probe import probe
from tests.rig.house import HANGS
from tests.rig.processes import ROOT, finished, process
from tests.rig.proving import one_in

NONSENSE = {
    "nonsense": "is not a bot token",
    "MTIz NDU2.abc.def": "is not a bot token",
    "": "is not set",
}


def dailies(*arguments, cwd, start=finished, **environ):
    """`dailies` as an operator types it, once it has ended."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("D")}
    given = {**clean, "PYTHONPATH": str(ROOT), **environ}
    return start("-m", "bot", *arguments, cwd=cwd, environ=given)


def loaded(*arguments, cwd, environ, stdout=subprocess.PIPE, **more):
    """A process that loads everything itself, as an operator's does."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, stdout=stdout, stderr=subprocess.PIPE,
        text=True, timeout=HANGS, check=False, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("token", "sentence"), one_in(3, NONSENSE.items()))
def test_a_nonsense_token_is_one_sentence_that_names_the_setting(tmp_path, token, sentence):
    done = dailies("run", cwd=tmp_path, DISCORD_TOKEN=token, DAILIES_WEB_PORT="0")
    [line] = done.stderr.splitlines()
    assert done.returncode == 4
    assert "DISCORD_TOKEN" in line
    assert sentence in line


async def test_a_token_that_discord_refuses_is_one_sentence(playground, tmp_path):
    environ = {
        "DISCORD_TOKEN": "MTIz.abcdef.ghijkl",
        "DISCORD_API_URL": playground.api_url,
        "DAILIES_DATA": str(tmp_path / "data"),
        "DAILIES_WEB_PORT": "0",
    }
    log = tmp_path / "log"
    async with process("-m", "bot", "run", log=log, environ=environ) as bot:
        assert await bot.wait() == 4
    [line] = log.read_text().splitlines()
    assert line.startswith("Discord refuses DISCORD_TOKEN")


async def test_a_token_may_come_from_a_file(playground, tmp_path):
    (tmp_path / "token").write_text("nonsense\n")
    environ = {"DISCORD_TOKEN_FILE": str(tmp_path / "token"), "DAILIES_DATA": str(tmp_path / "d")}
    done = dailies("run", cwd=tmp_path, **environ)
    assert "DISCORD_TOKEN is not a bot token" in done.stderr
    done = dailies("run", cwd=tmp_path, DISCORD_TOKEN_FILE="/nowhere/at/all")
    assert done.stderr.startswith("DISCORD_TOKEN_FILE names a file that can't be read")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAILIES_JOBS_PER_USER", "many"),
        ("DAILIES_USD_PER_CREDIT", "0"),
        ("DAILIES_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, name, value):
    done = dailies("run", cwd=tmp_path, **{name: value})
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(f"{name} can't be used")


@pytest.mark.long
async def test_say_leaves_the_clip_as_it_was_asked_for(tmp_path):
    line = "/video text prompt:a red fox, at 5:30 in the morning duration:2 resolution:480p fps:30"
    done = dailies("playground", "--say", line, "--out", str(tmp_path / "out"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    [clip] = (tmp_path / "out").iterdir()
    made = await probe(clip)
    assert (made.width, made.height, round(made.fps)) == (854, 480, 30)
    assert made.seconds == pytest.approx(2, abs=0.1)
    assert "5:30 in the morning" in done.stdout
    assert "@Mira" in done.stdout
    assert re.search(r"<[@#:/t]|\*\*|\\|``", done.stdout) is None, done.stdout


@pytest.mark.parametrize(
    ("line", "reason"),
    one_in(
        3,
        [
            ("/video text prompt:a fox duration:77", "makes"),
            ("/video text a fox", "is not an option"),
            ("/video sing", "is followed by one of"),
            ("/film text prompt:x", "There is no command /film"),
            ("/video text duration:6", "prompt"),
            ("/video text prompt:x duration:long", "takes a number"),
        ],
    ),
)
def test_say_ends_with_the_reason_when_there_is_no_clip(tmp_path, line, reason):
    # Nor does it touch the rows of a real bot, whose settings may be there.
    server = "postgresql://dailies@127.0.0.1:9/dailies"
    done = dailies("playground", "--say", line, cwd=tmp_path, DAILIES_STORE=server)
    assert done.returncode == 1
    assert reason in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("place", "why"),
    {
        "a-file": "it is not a directory",
        "a-file/below": "Not a directory",
        "/proc/x": "No such file or directory",
        "~nobody-of-this-name/x": "there is no home directory for ~nobody-of-this-name/x",
    }.items(),
)
@pytest.mark.parametrize("option", ["--data", "--out"])
def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_ordered(
    tmp_path, option, place, why
):
    (tmp_path / "a-file").touch()
    line = "/video text prompt:a fox"
    done = dailies("playground", option, place, "--say", line, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{option} {place} can't be used: {why}.")
    assert len(done.stderr.splitlines()) == 1


#: Each setting and argument that takes a path, with what is typed beside it.
HOMELESS = "~nobody-of-this-name/x"
PATHS = {
    "DAILIES_DATA": (["check"], {"DAILIES_DATA": HOMELESS}),
    "DAILIES_BACKUP_TO": (["backup"], {"DAILIES_BACKUP_TO": HOMELESS}),
    "COMFYUI_WORKFLOWS": (["workflows", "check"], {"COMFYUI_WORKFLOWS": HOMELESS}),
    "COMFYUI_CA_FILE": (["doctor"], {"COMFYUI_CA_FILE": HOMELESS}),
    "backup": (["backup", HOMELESS], {}),
    "restore": (["restore", HOMELESS], {}),
}


@pytest.mark.parametrize(("typed", "environ"), PATHS.values(), ids=PATHS)
def test_a_home_directory_that_is_not_there_is_one_sentence(tmp_path, typed, environ):
    done = dailies(*typed, cwd=tmp_path, COMFYUI_URLS="http://127.0.0.1:1", **environ)
    assert (done.returncode, done.stdout) == (2, "")
    named = next(iter(environ), HOMELESS)
    said = f"{named} can't be used: there is no home directory for {HOMELESS}.\n"
    assert done.stderr == said


def test_a_file_of_nobody_is_told_to_whoever_types_it(tmp_path):
    line = f"/video image prompt:x image:{HOMELESS}"
    done = dailies("playground", "--say", line, cwd=tmp_path)
    assert done.returncode == 1
    assert f"There is no file {HOMELESS} for image." in done.stdout
    assert done.stderr == ""


def test_plain_dailies_says_what_can_be_typed_and_starts_nothing(tmp_path):
    done = dailies(cwd=tmp_path, LTX_API_KEY="a-key", DAILIES_DATA=str(tmp_path / "data"))
    assert done.returncode == 2
    assert "playground" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["DISCORD_TOKEN", "DISCORD_TOKN"])
def test_run_without_a_token_ends_with_a_sentence_and_makes_nothing(tmp_path, name):
    done = dailies("run", cwd=tmp_path, LTX_API_KEY="a-key", **{name: ""})
    [line] = done.stderr.splitlines()
    assert done.returncode == (4 if name == "DISCORD_TOKEN" else 2)
    assert "DISCORD_TOKEN" in line
    assert list(tmp_path.iterdir()) == []


def test_it_says_its_version(tmp_path):
    done = dailies("--version", cwd=tmp_path, start=loaded)
    assert (done.returncode, done.stdout) == (0, f"dailies {__version__}\n")


def test_doctor_says_what_is_there_and_what_is_missing(tmp_path):
    done = dailies("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "✗ Discord: no token → set DISCORD_TOKEN" in done.stdout
    assert "✓ providers: Local" in done.stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "a" * 100])
def test_health_says_that_nothing_answers(tmp_path, host):
    done = dailies("health", cwd=tmp_path, DAILIES_WEB_HOST=host, DAILIES_WEB_PORT="1")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"Nothing answers at http://{host}:1/healthz. Is Dailies running?" in done.stdout


def test_health_of_a_port_that_the_system_chose_is_asked_for_a_number(tmp_path):
    done = dailies("health", "--live", cwd=tmp_path, DAILIES_WEB_PORT="0")
    assert (done.returncode, done.stderr) == (1, "")
    assert "DAILIES_WEB_PORT is 0" in done.stdout


@pytest.mark.parametrize("encoding", one_in(3, ["ascii", "latin-1", "cp1252"]))
def test_a_terminal_of_another_encoding_shows_what_it_can(tmp_path, encoding):
    done = dailies("doctor", cwd=tmp_path, start=loaded, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (1, "")
    assert "? providers: Local" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full here.")
@pytest.mark.parametrize("command", one_in(2, ["doctor", "providers"]))
def test_output_that_finds_no_room_is_one_sentence(tmp_path, command):
    with Path("/dev/full").open("w") as full:
        done = dailies(command, cwd=tmp_path, start=partial(loaded, stdout=full))
    assert done.returncode == 1
    assert done.stderr == "This bot's disk is full.\n"


@pytest.mark.long
def test_output_that_was_closed_is_no_error(tmp_path):
    closed = partial(loaded, preexec_fn=partial(os.close, 1))
    done = dailies("doctor", cwd=tmp_path, start=closed)
    assert (done.returncode, done.stderr) == (1, "")


#: What `dailies health` cannot ask with, by the file it stands in, and what names it.
NO_ADDRESS = {
    "a port that is none": ({}, {"DAILIES_WEB_PORT": "abc"}, "DAILIES_WEB_PORT"),
    "a port too high": ({}, {"DAILIES_WEB_PORT": "99999"}, "DAILIES_WEB_PORT"),
    "a file that is missing": ({}, {"DAILIES_WEB_PORT_FILE": "/nowhere"}, "/nowhere"),
    "broken TOML": ({"dailies.toml": b"x = ["}, {}, "dailies.toml"),
    "a port of another kind": ({"dailies.toml": b"dailies_web_port = []"}, {}, "DAILIES_WEB_PORT"),
    "another encoding": ({".env": "DAILIES_LANGUAGE=é".encode("latin-1")}, {}, ".env"),
}


@pytest.mark.parametrize(("files", "environ", "names"), NO_ADDRESS.values(), ids=NO_ADDRESS)
def test_health_says_which_setting_keeps_it_from_asking(tmp_path, files, environ, names):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = dailies("health", cwd=tmp_path, **environ)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert names in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_playground_remembers_in_its_directory_and_types_line_after_line(tmp_path):
    small = "duration:2 resolution:480p"
    first = ["--say", f"/video text prompt:one {small}", "--say", f"/video text prompt:two {small}"]
    place = ["playground", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    done = dailies(*place, *first, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = dailies(*place, "--say", f"/video text prompt:three {small}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {clip.name for clip in (tmp_path / "out").iterdir()} == {
        "dailies-1.mp4",
        "dailies-2.mp4",
        "dailies-3.mp4",
    }
