"""A setting that cannot be used ends the command with one sentence, before anything is ordered."""

import math
import re
from pathlib import Path

import pytest

from bot.app.compose import defaults_of
from bot.app.configuration import configured
from bot.settings import BadSetting, Settings
from storage import Defaults, Period
from tests.app.test_cli import dailies

WRONG = {
    "DAILIES_TIME_ZONE": ["Nowhere/Land", "../../etc/passwd", "Europe", "utc+1", "\0"],
    "DAILIES_SHARDS": ["0", "-1", "1.5", "many", "1001"],
    "DAILIES_USD_PER_CREDIT": ["0", "-1", "nan", "inf", "1e-30", "1e30"],
    "DAILIES_QUOTA": ["-1", "1.5", "nan", "1e400", "9" * 30],
    "DAILIES_BUDGET": ["-1", "9" * 30],
    "DAILIES_BUDGET_ALL": ["-1", "nan", "much", "9" * 30],
    "DAILIES_BUDGET_ALL_PERIOD": ["fortnight", "Day"],
    "DAILIES_SERVERS": ["0", "-5", "all", "1,,2", "1;2", "1.5", "9" * 19, "9" * 40, "１"],
    "DAILIES_JOBS_PER_USER": ["0", "-1", "many", "9" * 30],
    "DAILIES_JOBS_PER_SERVER": ["0", "9" * 30],
    "DAILIES_ORDERS_PER_MINUTE": ["0", "-1", "nan", "inf", "1e-300", "1e300"],
    "DAILIES_KEEP_DAYS": ["-1", "9" * 30],
    "DAILIES_DISK_GB": ["-1", "nan", "inf", "1e300"],
    "DAILIES_SPARE_GB": ["-1", "nan", "inf", "1e300"],
    "DAILIES_S3_BUCKET": ["a b", "ab", "-bucket", "x" * 256, "bucket\n"],
    "DAILIES_S3_ENDPOINT": ["s3.example.org", "ftp://s3.example.org", "https://a b"],
    "DAILIES_S3_PREFIX": ["a b", "../ä", "a?b"],
    "DAILIES_DATA": ["~nobody-at-all/data", "a\0b"],
    "DAILIES_S3_KEEP_DAYS": ["-1", "9" * 30],
    "DAILIES_S3_LINK_DAYS": ["-1", "8", "nan"],
    "DAILIES_WEB_PORT": ["-1", "65536", "http"],
    "DAILIES_LOG_LEVEL": ["LOUD"],
    "DAILIES_LOG_FORMAT": ["xml", "JSON"],
    "DAILIES_ALERT_CHANNEL": ["0", "-1", "#ops", "1.5", "9" * 30],
    "DAILIES_LOCAL": ["perhaps"],
    "PUBLIC_URL": [
        "bot.example.org",
        "ftp://example.org",
        "https://",
        "https://a b",
        "https://a?b",
    ],
    "DISCORD_API_URL": ["discord.com/api", "file:///etc/passwd"],
    "DISCORD_GATEWAY_URL": ["https://discord.com"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_what_cannot_be_used_is_named_in_one_sentence(name, value):
    with pytest.raises(BadSetting) as refused:
        Settings.load(**{name.lower(): value})
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} can't be used: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not re.search("(?i)valid|input|should|pattern|pydantic|none is not", sentence), sentence


RIGHT = {
    "dailies_time_zone": ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires"],
    "dailies_usd_per_credit": ["0.01", "1"],
    "dailies_budget_all": ["0", "1000000000"],
    "dailies_budget_all_period": ["day", "week", "month"],
    "dailies_orders_per_minute": ["0.5", "1000000"],
    "dailies_log_format": ["text", "json"],
    "dailies_alert_channel": ["81384788765712384"],
    "public_url": ["https://bot.example.org", "https://example.org/bot/", "http://127.0.0.1:8766"],
    "discord_gateway_url": ["wss://gateway.discord.gg", "ws://127.0.0.1:1/gateway"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values]
)
def test_what_can_is_taken(name, value):
    assert getattr(Settings.load(**{name: value}), name) is not None


@pytest.mark.parametrize("value", ["7, 8,9", " 7,8 , 9 ", [7, 8, 9], ["7", "8", "9"]])
def test_servers_are_numbers_with_commas_between(value):
    settings = Settings.load(dailies_servers=value)
    assert settings.dailies_servers == {7, 8, 9}
    assert [defaults_of(settings).serves(each) for each in (7, 6)] == [True, False]


def test_a_setting_that_is_empty_is_not_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DAILIES_SERVERS", "DAILIES_BUDGET_ALL", "DAILIES_TIME_ZONE"):
        monkeypatch.setenv(name, "")
    settings = Settings.load()
    assert settings.dailies_servers == frozenset()
    assert settings.dailies_budget_all is None
    assert defaults_of(settings).serves(123)


@pytest.mark.parametrize("said", ["true", "false"])
def test_true_is_no_number(tmp_path, monkeypatch, said):
    """pydantic takes it for a 1, and a quota of one credit was nobody's wish."""
    monkeypatch.chdir(tmp_path)
    numbers = [
        *("dailies_quota", "dailies_budget_all", "dailies_web_port", "dailies_alert_channel"),
        *("dailies_orders_per_minute", "dailies_usd_per_credit", "dailies_disk_gb"),
    ]
    Path("dailies.toml").write_text("".join(f"{name} = {said}\n" for name in numbers))
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    lines = str(refused.value).splitlines()
    assert sorted(line.partition(" ")[0].lower() for line in lines) == sorted(numbers)
    assert all(re.search(r"can't be used: write a (whole )?number\.$", line) for line in lines)


def test_toml_may_have_a_list_and_the_environment_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dailies.toml").write_text(
        'dailies_servers = [5, 6]\ndailies_budget_all = 70\ndailies_budget_all_period = "month"\n'
    )
    defaults = defaults_of(Settings.load())
    assert isinstance(defaults, Defaults)
    assert (defaults.servers, defaults.budget_all) == ({5, 6}, 70)
    assert defaults.budget_all_period is Period.MONTH
    monkeypatch.setenv("DAILIES_SERVERS", "7")
    assert Settings.load().dailies_servers == {7}


def test_every_default_is_a_number_that_counts():
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, float):
            assert math.isfinite(field.default), name


@pytest.mark.parametrize("command", ["run", "doctor", "check", "playground"])
def test_the_command_ends_with_2_and_says_so(tmp_path, command):
    done = dailies(command, cwd=tmp_path, DAILIES_TIME_ZONE="Nowhere/Land")
    assert done.returncode == 2
    assert done.stderr == (
        "DAILIES_TIME_ZONE can't be used: there is no time zone “Nowhere/Land”. "
        "Write one like Europe/Paris or UTC.\n"
    )


def test_doctor_says_who_may_order_and_how_much(tmp_path):
    done = dailies("doctor", cwd=tmp_path)
    assert "✓ servers: every server that invites the bot, each with its own budget" in done.stdout
    limits = {"DAILIES_SERVERS": "5,6", "DAILIES_BUDGET_ALL": "9000"}
    done = dailies("doctor", cwd=tmp_path, **limits, DAILIES_BUDGET_ALL_PERIOD="month")
    said = "✓ servers: only the 2 in DAILIES_SERVERS, 9,000 credits a month in total, 0 used"
    assert said in done.stdout


# Names that do not exist.

SLIPS = {
    "DAILIES_BUGDET_ALL": "DAILIES_BUDGET_ALL",
    "DAILES_QUOTA": "DAILIES_QUOTA",
    "dailies_quota": "DAILIES_QUOTA",
    "DISCORD_TOKN": "DISCORD_TOKEN",
    "DISCROD_TOKEN": "DISCORD_TOKEN",
    "Discord_Token": "DISCORD_TOKEN",
    "LTX_APIKEY": "LTX_API_KEY",
    "LXT_API_KEY": "LTX_API_KEY",
    "LTX_KEY": "LTX_API_KEY",
    "APIXO_USD_PER_SECONDS": "APIXO_USD_PER_SECOND",
    "LTX2API_KEY": "LTX2API_API_KEY",
    "PIXAZO_API_KEY_FLE": "PIXAZO_API_KEY_FILE",
    "PUBLIC_URI": "PUBLIC_URL",
}


@pytest.mark.parametrize("where", ["environment", "dotenv"])
@pytest.mark.parametrize(("slip", "name"), SLIPS.items())
def test_a_name_that_was_meant_for_a_setting_ends_the_start(
    tmp_path, monkeypatch, where, slip, name
):
    monkeypatch.chdir(tmp_path)
    if where == "dotenv":
        Path(".env").write_text(f"{slip}=secret-value\n")
    else:
        monkeypatch.setenv(slip, "secret-value")
    with pytest.raises(BadSetting) as refused:
        configured()
    place = ".env" if where == "dotenv" else "the environment"
    said = f"{slip} in {place} is not a Dailies setting. Did you mean {name}?"
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "name", ["PUBLIC_IP", "PUBLIC_HOSTNAME", "AWS_ACCESS_KEY_ID", "OPENAI_API_KEY", "LTXYZ", "PATH"]
)
def test_a_name_of_others_is_none_of_our_business(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "x")
    assert configured().settings.dailies_quota == 500


TOML_SLIPS = {
    'discord_tokn = "x"': "discord_tokn in dailies.toml is not a Dailies setting. Did you mean "
    "discord_token?",
    "[providers.lxt]\nmodels = {}": "[providers.lxt] in dailies.toml is not a provider that "
    "Dailies knows. Did you mean ltx?",
    "[provider.ltx]\nmodels = {}": "[provider] in dailies.toml is not a Dailies setting. Did you "
    "mean providers?",
    "[providers.ltx]\nmodel = {}": "providers.ltx.model in dailies.toml can't be used: there is "
    "no such setting.",
    "dailies_quota = [1]": "DAILIES_QUOTA can't be used: write a whole number.",
    "dailies_local = 7": "DAILIES_LOCAL can't be used: write true or false.",
    "providers = 3": "In dailies.toml, providers must be sections such as [providers.ltx].",
}


@pytest.mark.parametrize(("toml", "sentence"), TOML_SLIPS.items())
def test_an_entry_of_the_file_that_does_not_exist_ends_the_start(
    tmp_path, monkeypatch, toml, sentence
):
    monkeypatch.chdir(tmp_path)
    Path("dailies.toml").write_text(toml)
    with pytest.raises(BadSetting) as refused:
        configured()
    assert str(refused.value) == sentence


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    (tmp_path / ".env").write_text("DAILIES_BUGDET=5\n")
    (tmp_path / "dailies.toml").write_text("[providers.lxt]\n\n[providers.ltx.models.new]\nx = 1\n")
    given = {
        "DAILIES_QUOTA": "many",
        "DAILIES_WEB_PORT": "70000",
        "LTX_CONCURRENCY": "0",
        "LTX_PER_MINUTE": "some",
        "DISCORD_TOKEN_FILE": "/nowhere",
    }
    done = dailies("run", cwd=tmp_path, **given)
    assert done.returncode == 2
    begins = [
        "DAILIES_BUGDET in .env is not a Dailies setting",
        "[providers.lxt] in dailies.toml is not a provider",
        "DISCORD_TOKEN_FILE names a file that can't be read",
        "LTX_CONCURRENCY can't be used: write 1 or more.",
        "LTX_PER_MINUTE can't be used: write a number.",
    ]
    lines = done.stderr.splitlines()
    for begin in begins:
        assert any(line.startswith(begin) for line in lines), (begin, lines)
    assert not [line for line in lines if not re.match(r"\[?[\w.]+\]?( in| names| can't) ", line)]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"\xef\xbb\xbfDAILIES_QUOTA=7\n"])
def test_a_dotenv_of_another_editor_is_read_or_refused_in_a_sentence(
    tmp_path, monkeypatch, content
):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(content)
    if content.startswith(b"\xef"):
        assert configured().settings.dailies_quota == 7
        return
    with pytest.raises(BadSetting, match=r"^\.env can't be read: it is not UTF-8 text\.$"):
        configured()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("DAILIES_QUOTA 100\n", 1),
        ("# ours\n\nDAILIES_QUOTA: 100\nA=1\n", 3),
        ("A=1\nDISCORD_TOKEN='abc\n", 2),
        ("DAILIES_QUOTA='100' credits", 1),
    ],
)
def test_a_line_of_dotenv_that_says_nothing_is_not_passed_over(
    tmp_path, monkeypatch, content, line
):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(content)
    with pytest.raises(BadSetting) as refused:
        configured()
    assert str(refused.value) == f".env can't be read: line {line} is not NAME=value."


def test_a_directory_in_the_place_of_dotenv_is_told(tmp_path, monkeypatch):
    """A container engine makes one where the file that it is to mount is missing."""
    monkeypatch.chdir(tmp_path)
    Path(".env").mkdir()
    with pytest.raises(BadSetting, match=r"^\.env can't be read: Is a directory\.$"):
        configured()


@pytest.mark.parametrize("value", ["data", "./a/../b", "~/dailies"])
def test_the_data_directory_is_named_from_the_root(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    assert Settings.load(dailies_data=value).dailies_data.is_absolute()
    assert Settings.load().dailies_data == tmp_path / "data", "the default, too"


def test_a_token_that_is_easily_guessed_is_refused():
    with pytest.raises(BadSetting, match="DAILIES_METRICS_TOKEN must have at least 16 characters"):
        Settings.load(dailies_metrics_token="short")
    assert Settings.load(dailies_metrics_token="x" * 16).dailies_metrics_token is not None


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"dailies_store": "postgresql://a@b/c"},
        {"dailies_s3_bucket": "clips"},
    ],
)
def test_shards_are_refused_where_processes_could_not_share_rows_and_clips(given):
    with pytest.raises(BadSetting) as refused:
        Settings.load(dailies_shards=4, **given)
    assert str(refused.value) == (
        "DAILIES_SHARDS above 1 needs DAILIES_STORE and DAILIES_S3_BUCKET, because several "
        "processes share the rows and the clips. Set both, or DAILIES_SHARDS=1."
    )
    assert Settings.load(dailies_shards=1, **given).dailies_shards == 1


def test_shards_are_taken_with_a_server_and_a_bucket():
    both = {"dailies_store": "postgresql://a@b/c", "dailies_s3_bucket": "clips"}
    assert Settings.load(dailies_shards=4, **both).dailies_shards == 4
