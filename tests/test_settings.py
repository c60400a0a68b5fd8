"""A setting that cannot be used ends the command with one sentence, before anything is ordered."""

import math

import pytest

from bot.deployment import defaults_of
from bot.settings import BadSetting, Settings
from storage import Defaults, Period
from tests.test_cli import dailies

WRONG = {
    "DAILIES_TIME_ZONE": ["Nowhere/Land", "../../etc/passwd", "Europe", "utc+1", "\0"],
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
    "DAILIES_S3_KEEP_DAYS": ["-1", "9" * 30],
    "DAILIES_S3_LINK_DAYS": ["-1", "8", "nan"],
    "DAILIES_WEB_PORT": ["-1", "65536", "http"],
    "DAILIES_LOG_LEVEL": ["LOUD"],
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
    assert sentence.startswith(f"{name} cannot be used: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


RIGHT = {
    "dailies_time_zone": ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires"],
    "dailies_usd_per_credit": ["0.01", "1"],
    "dailies_budget_all": ["0", "1000000000"],
    "dailies_budget_all_period": ["day", "week", "month"],
    "dailies_orders_per_minute": ["0.5", "1000000"],
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
        "DAILIES_TIME_ZONE cannot be used: there is no time zone “Nowhere/Land”; "
        "write one like Europe/Paris or UTC.\n"
    )


def test_doctor_says_who_may_order_and_how_much(tmp_path):
    done = dailies("doctor", cwd=tmp_path)
    assert "✓ servers: every one that invites the bot, each with a budget of its own" in done.stdout
    limits = {"DAILIES_SERVERS": "5,6", "DAILIES_BUDGET_ALL": "9000"}
    done = dailies("doctor", cwd=tmp_path, **limits, DAILIES_BUDGET_ALL_PERIOD="month")
    said = "✓ servers: the 2 of DAILIES_SERVERS; 9,000 credits a month in all, 0 used"
    assert said in done.stdout
