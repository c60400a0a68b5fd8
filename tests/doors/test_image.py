"""The image: the Dockerfile's own steps and user, read-only, with and without a token."""

import asyncio
import json
import os
import signal
import subprocess

import pytest

from tests.doors import bare
from tests.doors.test_wheel import free_port
from tests.rig.house import until

pytestmark = pytest.mark.skipif(
    not bare.possible(), reason="Only root can carry out the image's steps here; they were not."
)


@pytest.fixture(scope="session")
def image(clone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    for each in (folder, *list(folder.parents)[:2]):
        each.chmod(0o755)
    return bare.build(clone, folder, bare.base_python())


@pytest.fixture
def data(image, tmp_path):
    folder = tmp_path / "volume"
    folder.mkdir(mode=0o700)
    os.chown(folder, image.uid("dailies"), image.uid("dailies"))
    return folder


class Running:
    """A container that runs."""

    def __init__(self, image, data, command, log, environ):
        self.image, self.log = image, log
        self.environ = {"DAILIES_WEB_PORT": free_port(), **environ}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                image.argv([*image.entry, *command], data=data, read_only=True),
                env=image.inside(self.environ),
                stdout=out,
                stderr=out,
            )

    def health(self):
        return self.image.run(self.image.health, environ=self.environ, read_only=True)

    async def well(self):
        done = await asyncio.to_thread(self.health)
        return done if done.returncode == 0 else None

    async def stopped(self):
        self.process.send_signal(signal.Signals[self.image.stop_signal])
        return await asyncio.to_thread(self.process.wait, 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def test_its_user_label_and_notice_are_right(image):
    assert image.uid(image.user) == 10001
    assert image.command == ["run"]
    assert "GPL" in image.labels["org.opencontainers.image.licenses"]
    assert (image.root / "app" / "NOTICE").exists()
    assert "8766" not in image.ports, "nothing but callbacks is for others"


def test_without_a_token_it_ends_with_a_sentence_and_pays_nobody(image, data):
    done = image.run(
        [*image.entry, *image.command],
        data=data,
        read_only=True,
        environ={"LTX_API_KEY": "a-key", "DISCORD_TOKEN": ""},
    )
    assert done.returncode == 4, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("DISCORD_TOKEN is not set")
    assert list(data.iterdir()) == []


async def test_with_a_token_it_is_the_bot(image, data, playground, mira, tmp_path):
    environ = {
        "DISCORD_TOKEN": playground.token,
        "DISCORD_API_URL": playground.api_url,
        "DISCORD_GATEWAY_URL": playground.gateway_url,
    }
    log = tmp_path / "log"
    with Running(image, data, image.command, log, environ) as bot:
        await until(lambda: playground.online or bot.process.poll() is not None, 60)
        assert playground.online, log.read_text()
        done = await until(bot.well, 30)
        assert done.stdout == "well\n"
        asked = await mira.type("/video text", prompt="a red fox", duration=2, resolution="480p")
        await asked.answered
        await mira.wait_for(lambda each: bool(each.attachments), 90)
        assert await bot.stopped() == 0
    assert "Traceback" not in log.read_text()
    assert (data / "takes" / "1.mp4").stat().st_uid == 10001


async def test_a_playground_in_it_spends_nothing_and_is_well(image, data, tmp_path):
    environ = {
        "LTX_API_KEY": "a-key",
        "DISCORD_TOKEN": "MTIz.abcdef.ghijkl",
        "DAILIES_PLAYGROUND_HOST": "127.0.0.1",
    }
    log = tmp_path / "log"
    command = ["playground", "--data", "/data", "--port", free_port()]
    with Running(image, data, command, log, environ) as place:
        await until(lambda: "The playground is open" in log.read_text(), 60)
        assert (await until(place.well, 30)).stdout == "well\n"
        assert await place.stopped() == 0
    assert "Traceback" not in log.read_text()
    assert (data / "dailies" / "dailies.db").exists()


def test_check_and_doctor_say_what_is_there_and_leave_it(image, data):
    for command, code in (("check", 2), ("doctor", 1)):
        done = image.run([*image.entry, command], data=data, read_only=True)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert list(data.iterdir()) == []


def test_compose_runs_the_same(clone):
    text = (clone / "compose.yaml").read_text()
    assert "profiles: [playground]" in text
    assert json.dumps(["playground", "--data", "/data"]) in text
    assert '"127.0.0.1:8767:8767"' in text
    assert ":8766" not in text
