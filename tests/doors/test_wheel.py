"""The wheel, in an empty environment: every command works, or says what it needs."""

import json
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.doors.conftest import ROOT, SAY, UV, clean, ran, run

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


def test_it_makes_a_clip_in_a_relative_directory(installed, tmp_path):
    arguments = ["--data", "here/data", "--say", SAY, "--out", "clips"]
    done = ran(installed / "dailies", "playground", *arguments, cwd=tmp_path)
    assert (tmp_path / "clips" / "dailies-1.mp4").stat().st_size > 10_000, done.stdout
    assert (tmp_path / "here" / "data" / "dailies" / "takes" / "1.mp4").exists()
    assert "Traceback" not in done.stderr


def test_it_has_every_file_that_the_checkout_has(installed, tmp_path):
    script = (
        "import bot, cogs, playground, storage\n"
        "print(*(each.__path__[0] for each in (bot, cogs, playground, storage)))"
    )
    folders = ran(installed / "python", "-c", script, cwd=tmp_path).stdout.split()
    for name, folder in zip(("bot", "cogs", "playground", "storage"), folders, strict=True):
        there = {
            path.relative_to(ROOT / name).as_posix()
            for path in (ROOT / name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        for each in there:
            assert (Path(folder) / each).exists(), f"{name}/{each} is not in the wheel"


def test_help_version_and_what_is_missing(installed, tmp_path):
    assert "playground" in run(installed / "dailies", cwd=tmp_path).stderr
    assert ran(installed / "dailies", "--version", cwd=tmp_path).stdout.startswith("dailies ")
    done = run(installed / "dailies", "run", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    done = run(installed / "dailies", "check", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = run(installed / "dailies", "doctor", cwd=tmp_path)
    assert "✗ Discord: no token" in done.stdout
    assert list(tmp_path.iterdir()) == [], "and none of them made anything"


def test_without_the_package_of_the_playground_it_says_so(installed, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['simcord'] = None\n")
    done = run(installed / "dailies", "playground", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert "simcord" in line
    done = run(installed / "dailies", "run", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 4, "the bot itself needs no playground"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_health_answers_in_a_playground_and_costs_little(installed, tmp_path):
    port = free_port()
    opened = subprocess.Popen(
        [installed / "dailies", "playground", "--port", "0"],
        cwd=tmp_path,
        env=clean(DAILIES_WEB_PORT=port),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "The playground is open" in opened.stdout.readline()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = run(installed / "dailies", "health", cwd=tmp_path, DAILIES_WEB_PORT=port)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode == 0:
                break
            time.sleep(0.5)
        assert done.stdout == "well\n"
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert spent < 0.15, "seconds of CPU; loading the bot takes over one"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert json.load(answer)["ok"] is True
        opened.send_signal(signal.SIGTERM)
        assert opened.wait(30) == 0
    finally:
        opened.kill()
        opened.wait()
        opened.stdout.close()
    assert (
        "Nothing answers"
        in run(installed / "dailies", "health", cwd=tmp_path, DAILIES_WEB_PORT=port).stdout
    )


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_installs_from_wheels(clone, tmp_path, python, name):
    ran(
        *(UV, "pip", "install", "--dry-run", "--quiet", "--target", tmp_path / "nothing"),
        *("--python", sys.executable, "--python-version", python, "--only-binary", ":all:"),
        *("--no-deps", "--require-hashes", "--requirement", clone / name),
        cwd=tmp_path,
    )


def test_the_pythons_are_all_there_are():
    """uv knows them, and is brought up to date with the pins."""
    known = ran(UV, "python", "list", "--all-versions", "--only-downloads", "--offline", cwd="/")
    minors = {int(minor) for minor in re.findall(r"cpython-3\.(\d+)\.\d+-", known.stdout)}
    assert {f"3.{minor}" for minor in minors if minor >= 11} == set(PYTHONS)
