"""The playground spends nothing and reaches nobody, whatever keys lie about on the machine."""

import asyncio
import socket

import discord
import pytest

from bot.app.configuration import playground_configured
from bot.app.playground import Options, play
from bot.exits import Exit
from bot.settings import PlaygroundSettings, Settings
from playground.providers.ltx import LtxServer
from tests.app.test_cli import dailies
from tests.rig.proving import SWITCHES

SAY = "/video text prompt:a red fox"
SECRETS = {
    "DISCORD_TOKEN": "MTIz.abcdef.ghijkl",
    "APIXO_API_KEY": "a-key",
    "PIXAZO_API_KEY": "a-key",
    "LTX2API_API_KEY": "a-key",
    "DAILIES_S3_BUCKET": "a-bucket",
    "DAILIES_S3_ACCESS_KEY": "a-key",
    "DAILIES_S3_SECRET_KEY": "a-secret",
    "PUBLIC_URL": "https://dailies.example.org",
    "DAILIES_SERVERS": "1234",
}


@pytest.fixture(autouse=True)
def _discord_as_it_was(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)


@pytest.fixture
async def company(media):
    """A provider that takes money: what reaches it is noted."""
    async with LtxServer(media.render) as server:
        yield server


def lie_about(how, values, folder, monkeypatch):
    """Put *values* where an operator has them."""
    for switch in SWITCHES:  # as `make prove` sets them
        monkeypatch.delenv(switch, raising=False)
    match how:
        case "environment":
            for name, value in values.items():
                monkeypatch.setenv(name, value)
        case "dotenv":
            text = "".join(f"{name}={value}\n" for name, value in values.items())
            (folder / ".env").write_text(text)
        case "files":
            for name, value in values.items():
                (folder / name).write_text(value)
                monkeypatch.setenv(f"{name}_FILE", str(folder / name))
        case "toml":
            # Keys of providers have no place there; those of the bot itself do.
            fields = {name for name in values if name.lower() in Settings.model_fields}
            lines = [f'{name.lower()} = "{values[name]}"\n' for name in sorted(fields)]
            (folder / "dailies.toml").write_text("".join(lines))


def keys(company):
    return {**SECRETS, "LTX_API_KEY": company.key, "LTX_BASE_URL": company.url}


@pytest.mark.parametrize(
    "how",
    [
        "environment",
        pytest.param("dotenv", marks=pytest.mark.long),
        pytest.param("files", marks=pytest.mark.long),
        pytest.param("toml", marks=pytest.mark.long),
    ],
)
async def test_keys_that_lie_about_are_not_used(how, company, tmp_path, monkeypatch):
    lie_about(how, keys(company), tmp_path, monkeypatch)
    configuration = playground_configured(real=False)
    assert configuration.environ == {}
    assert configuration.sections == {}
    options = Options(say=(f"{SAY} duration:2 resolution:480p",), out=tmp_path / "out")
    code = await play(configuration, options, loopback=frozenset({company.host}))
    assert code == 0
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["dailies-1.mp4"]
    assert company.seen == [], "and a provider that could be reached was not"


async def test_only_what_is_typed_orders_from_a_real_provider(
    company, tmp_path, monkeypatch, capsys
):
    lie_about("environment", keys(company), tmp_path, monkeypatch)
    monkeypatch.delenv("LTX_BASE_URL")  # a real one has https
    configuration = playground_configured(real=True)
    environ = {"LTX_API_KEY": company.key, "LTX_BASE_URL": company.url}
    assert configuration.environ["LTX_API_KEY"] == company.key
    configuration = type(configuration)(
        settings=configuration.settings, environ=environ, sections={}
    )
    options = Options(
        say=(f"{SAY} duration:6",), out=tmp_path / "out", data=tmp_path / "kept", providers="real"
    )
    async with asyncio.timeout(120):
        assert await play(configuration, options, loopback=frozenset({company.host})) == 0
    assert company.seen
    assert "Clips come from LTX. They charge you for each clip." in capsys.readouterr().out


async def test_real_money_needs_a_directory_and_a_page_that_others_cannot_open(
    tmp_path, monkeypatch
):
    configuration = playground_configured(real=True)
    with pytest.raises(Exit, match="--data"):
        await play(configuration, Options(providers="real"))
    monkeypatch.setenv("DAILIES_PLAYGROUND_HOST", "0.0.0.0")
    configuration = playground_configured(real=True)
    with pytest.raises(Exit, match="DAILIES_PLAYGROUND_HOST"):
        await play(configuration, Options(providers="real", data=tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()


def test_each_setting_that_a_playground_looks_up_is_harmless():
    assert PlaygroundSettings.read is not None
    assert set(Settings.model_fields) > PlaygroundSettings.read
    risky = ("token", "key", "s3", "url", "data", "servers", "public", "budget_all", "callback")
    for name in PlaygroundSettings.read:
        assert not any(word in name for word in risky), name


def test_the_typed_command_does_not_read_them_either(tmp_path):
    """The whole way through the door: a file that must not be opened is one that cannot be."""
    environ = {f"{name}_FILE": "/nowhere/at/all" for name in SECRETS}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = dailies("playground", "--port", port, cwd=tmp_path, **environ)
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr, "it came as far as opening its page"
