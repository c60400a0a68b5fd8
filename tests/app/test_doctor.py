"""`dailies doctor` looks at each part, says how to mend it, needs nothing, and changes nothing."""

import json
import re
from contextlib import suppress

import pytest

from bot.app.configuration import Configuration
from bot.app.doctor import doctor
from bot.app.doctor_machine import look_at_clock
from bot.app.findings import Report
from bot.errors import Busy, Failure, Refusal
from bot.files.backup_places import name_at
from bot.providers import apixo, ltx, pixazo
from playground.providers.apixo import ApixoServer
from playground.providers.ltx import LtxServer
from playground.providers.pixazo import PixazoServer
from storage import shareable
from tests.app.test_cli import dailies
from tests.rig.house import settings_for, working
from tests.rig.makers import Maker
from tests.rig.provider_rig import line
from tests.rig.taking import done, first_clip


def files_of(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }


async def said(settings, capsys, *, environ=None):
    """What it finds, by part: the level, what was found, the fix."""
    configuration = Configuration(settings=settings, environ=environ or {}, sections={})
    capsys.readouterr()
    code = await doctor(configuration, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is (code == 0)
    return {each["part"]: each for each in report["findings"]}


async def test_beside_a_running_bot_all_of_discord_is_looked_at(playground, mira, tmp_path, capsys):
    data = tmp_path / "data"
    maker = Maker("plain")
    async with working(playground, data, providers={"plain": maker}) as house:
        await first_clip(mira, duration=2, resolution="480p")
        await done(house, 1)
        settings = settings_for(playground, data, dailies_web_port=house.web.port)
        found = await said(settings, capsys)
    levels = {part: each["level"] for part, each in found.items()}
    assert found["data"]["found"].endswith("in use by a running Dailies")
    assert levels["Discord"] == levels["intents"] == levels["clock"] == "ok"
    assert found["commands"]["found"].endswith("are in sync")
    [channel] = [part for part in found if part.startswith("#")]
    assert found[channel]["found"] == "every permission that is needed"
    [server] = [part for part in found if part.startswith("server ")]
    assert found[server]["found"] == "files up to 10 MiB"
    assert found[f"port {settings.dailies_web_port}"]["found"] == "a running Dailies has it"
    assert {part for part, level in levels.items() if level == "error"} == set()


async def test_before_the_first_start_whole_commands_are_missing(playground, tmp_path, capsys):
    found = (await said(settings_for(playground, tmp_path / "data"), capsys))["commands"]
    assert found["level"] == "error"
    what, more = found["found"].split(" and ")
    assert what == "Discord lacks /help, /quota, /studio"
    assert re.fullmatch(r"\d more", more), "no options one by one"


async def test_what_is_missing_at_discord_is_named_with_its_channel(
    playground, mira, tmp_path, capsys
):
    data = tmp_path / "data"
    async with working(playground, data, providers={"plain": Maker("plain")}) as house:
        await first_clip(mira, duration=2, resolution="480p")
        await done(house, 1)
    world = playground.world
    missing = ["attach_files", "create_public_threads"]
    world.set_permissions("videos", world.bot_user.id, deny=missing)
    menu = next(each for each in world.commands[None].values() if each["name"] == "Details")
    world.commands[None] = {
        number: each for number, each in world.commands[None].items() if each is not menu
    }
    before, calls = files_of(data), len(playground.requests)
    found = await said(settings_for(playground, data), capsys)
    assert files_of(data) == before
    asked = {call.method for call in playground.requests[calls:]}
    assert asked == {"GET"}, "it changes nothing there either"
    [channel] = [part for part in found if part.startswith("#")]
    assert found[channel]["level"] == "error"
    assert found[channel]["found"] == "the bot lacks attach files and create public threads"
    assert found["commands"]["level"] == "error"
    assert found["commands"]["found"] == "Discord lacks “Details”"
    assert "dailies sync" in found["commands"]["fix"]


async def test_the_alert_channel_is_one_that_the_bot_may_write_in(playground, tmp_path, capsys):
    world = playground.world
    moderators = int(playground.channel("moderators").id)
    thread = world.create_thread(
        moderators, name="alerts", owner_id=playground.person("ada").id, type=11
    )
    hidden = world.add_channel("hidden")
    world.set_permissions("hidden", world.bot_user.id, deny=["view_channel"])
    category = world.create_channel(playground.guild.id, name="rooms", type=4)

    async def looked(channel):
        settings = settings_for(playground, tmp_path / "data", dailies_alert_channel=channel)
        return (await said(settings, capsys))["alert channel"]

    assert (await looked(moderators))["found"].endswith(": the bot may write there")
    assert (await looked(moderators))["level"] == "ok"
    assert (await looked(thread.id))["level"] == "ok"
    for channel, why in (
        (1234, "there is no channel 1234"),
        (hidden.id, f"the bot can't see the channel {hidden.id}"),
    ):
        found = await looked(channel)
        assert (found["level"], found["found"]) == ("error", why)
        assert "DAILIES_ALERT_CHANNEL" in found["fix"]
    assert (await looked(category.id))["found"].endswith("takes no messages")
    world.set_permissions("moderators", world.bot_user.id, deny=["send_messages"])
    found = await looked(moderators)
    assert found["found"].startswith("the bot lacks send messages in #moderators")
    assert found["fix"] == "give them to the bot's role there"


@pytest.mark.parametrize(
    ("module", "server", "prefix"),
    [(ltx, LtxServer, "LTX"), (apixo, ApixoServer, "APIXO"), (pixazo, PixazoServer, "PIXAZO")],
)
async def test_a_key_is_shown_by_a_call_that_orders_nothing(module, server, prefix, tmp_path):
    async with line(module, server, tmp_path, prefix) as (provider, there):
        with suppress(Refusal):  # there is no such clip
            await provider.check_key()
        there.key = "another key"
        with pytest.raises(Busy) as no:
            await provider.check_key()
        assert no.value.failure is Failure.KEY
        assert there.jobs == {}


def test_it_needs_no_network_no_data_and_no_token_and_goes_through_to_its_end(tmp_path):
    nowhere = "http://127.0.0.1:9"
    done = dailies(
        "doctor",
        "--json",
        cwd=tmp_path,
        DISCORD_TOKEN="MTIz.abcdef.ghijkl",
        DISCORD_API_URL=nowhere,
        DAILIES_DATA=str(tmp_path / "data"),
        DAILIES_WEB_PORT="0",
        IMAGEIO_FFMPEG_EXE="/bin/false",
        DAILIES_BACKUP_TO=str(tmp_path / "backups"),
    )
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    levels = {each["part"]: each["level"] for each in report["findings"]}
    assert levels["ffmpeg"] == levels["Discord"] == "error"
    assert levels["backups"] == "warning"
    assert levels["clock"] == levels["data"] == levels["disk"] == "ok"
    assert all(each["fix"] for each in report["findings"] if each["level"] != "ok")
    assert list(tmp_path.iterdir()) == []


async def test_an_old_backup_is_an_error_and_a_young_one_is_not(playground, tmp_path, capsys):
    folder = tmp_path / "backups"
    folder.mkdir()
    settings = settings_for(playground, tmp_path / "data", dailies_backup_to=str(folder))
    (folder / name_at(playground.clock.now() - 3600)).touch()
    assert (await said(settings, capsys))["backups"]["level"] == "ok"
    [young] = folder.iterdir()
    young.rename(folder / name_at(playground.clock.now() - 3 * 86_400))
    found = (await said(settings, capsys))["backups"]
    assert found["level"] == "error"
    assert "the newest is 72.0 hours old" in found["found"]


def test_a_clock_is_compared(capsys):
    report = Report()
    for theirs in (1000.0, 1100.0, 1000.0 + 3 * 86_400, None):
        look_at_clock(report, theirs=theirs, now=1002.0)
    assert [each.level for each in report.found] == ["ok", "warning", "error", "ok"]
    assert not report.well
    signs = [line[0] for line in capsys.readouterr().out.splitlines()]
    assert signs == ["✓", "!", "✗", "✓"]


def test_the_versions_of_sqlite_that_two_programs_may_share_are_known():
    fine = [(3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0)]
    others = [(3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 0), (3, 51, 2)]
    assert [shareable(each) for each in (*fine, *others)] == [True] * 4 + [False] * 6
