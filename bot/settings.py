"""What a deployment decides. Read once, by `bot.app.configuration`, and passed down by value.

A setting comes from the environment, else from a file named by the same setting with `_FILE`
behind it, else from `.env`, else from `dailies.toml`. A provider's own settings are declared in
that provider's file; they come from `environment` below.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from dotenv import dotenv_values
from dotenv.parser import Original, parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.setting_words import said_of
from storage import Period
from storage.periods import zone_named

CONFIG = "dailies.toml"
DOTENV = ".env"
URLS_MAX = 5  #: webhooks
S3 = "s3://"  #: how a place for backups begins that is a bucket
SECRET_MIN = 16  #: characters of the secret that signs events, and of the token for /metrics


class BadSetting(Exception):
    """Settings cannot be used. The message names each and says what is allowed, a line each."""


def environment(environ: Mapping[str, str] = os.environ, dotenv: str = DOTENV) -> dict[str, str]:
    """The environment over `.env`: what every setting, also a provider's, is looked up in.

    Raises `BadSetting` where `.env` cannot be read.
    """
    return {**dotenv_settings(dotenv), **environ}


def dotenv_settings(path: str = DOTENV) -> dict[str, str]:
    """What `.env` sets; nothing where there is none. Raises `BadSetting` for an unreadable line."""
    if not Path(path).exists():
        return {}
    try:
        # An editor's byte order mark is no part of the first name.
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} can't be read: {_why(error)}.") from error
    # It drops what it does not understand, with a warning: a quota would be the default then.
    wrong = [_line(each.original) for each in parse_stream(StringIO(text)) if each.error]
    if wrong:
        lines = [f"{path} can't be read: line {number} is not NAME=value." for number in wrong]
        raise BadSetting("\n".join(lines))
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _line(found: Original) -> int:
    """The number of the line that *found* is in; it begins with the blank lines before it."""
    before = found.string[: len(found.string) - len(found.string.lstrip())]
    return found.line + before.count("\n")


def from_file(name: str, values: Mapping[str, str]) -> str | None:
    """What the file named by `NAME_FILE` holds, without the blanks around it.

    Raises `BadSetting` where it cannot be read.
    """
    path = values.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadSetting(f"{name}_FILE names a file that can't be read: {path}") from error


def toml_settings(path: str = CONFIG) -> dict[str, Any]:
    """What `dailies.toml` sets; nothing where there is none. Raises `BadSetting`."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not valid TOML: {error}.") from error
    except OSError as error:
        raise BadSetting(f"{path} can't be read: {_why(error)}.") from error


def _why(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it is not a file"
    return "it is not UTF-8 text"


def _zone(name: str) -> str:
    zone_named(name)  # raises ValueError with a sentence
    return name


def _ids(value: object) -> object:
    """Numbers with commas between them, or as TOML has a list, as a set."""
    if isinstance(value, frozenset):  # the default
        return value
    parts = value if isinstance(value, list) else str(value).split(",")
    found = [str(part).strip() for part in parts]
    if not all(re.fullmatch(r"[0-9]{1,19}", part) and 0 < int(part) < 2**63 for part in found):
        raise ValueError("Write server ids such as 81384788765712384, separated by commas")
    return frozenset(int(part) for part in found)


def _urls(value: object) -> object:
    """Addresses with blanks or commas between them, or as TOML has a list, as a tuple."""
    parts = value if isinstance(value, (list, tuple)) else re.split(r"[\s,]+", str(value))
    found = tuple(dict.fromkeys(str(part) for part in parts if str(part)))
    if not all(re.fullmatch(r"https?://[^\s/?#]+[^\s#]*", part) for part in found):
        raise ValueError("Write addresses that start with https://, separated by commas")
    if len(found) > URLS_MAX:
        raise ValueError(f"Write at most {URLS_MAX} addresses")
    return found


def typed_path(path: Path) -> Path:
    """*path*, as somebody typed it, with the home directory that its `~` stands for.

    Raises ValueError with a sentence.
    """
    if "\0" in str(path):
        raise ValueError("Write a path")
    try:
        return path.expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(f"There is no home directory for {path}") from error


#: A path in a setting.
TypedPath = Annotated[Path, AfterValidator(typed_path)]


def _directory(path: Path) -> Path:
    """*path* from the root, so that a program which runs elsewhere finds the same files."""
    return typed_path(path).absolute()


def server_address(value: SecretStr) -> SecretStr:
    """*value* if it is the address of a database server. Raises ValueError with a sentence."""
    if re.fullmatch(r"postgres(?:ql)?://[^\s/?#]*/[^\s/?#]+[^\s#]*", value.get_secret_value()):
        return value
    raise ValueError("Write an address such as postgresql://dailies:password@db.example/dailies")


def _server_or_none(value: SecretStr | None) -> SecretStr | None:
    return None if value is None else server_address(value)


def _shaped(pattern: str, sentence: str) -> AfterValidator:
    """Text of that shape; *sentence* says which."""
    return AfterValidator(partial(_of_shape, pattern, sentence))


def _of_shape(pattern: str, sentence: str, value: str) -> str:
    if re.fullmatch(pattern, value) is None:
        raise ValueError(sentence)
    return value


def backup_target(value: str) -> str:
    """*value* if it names a place for backups, a directory from the root.

    Raises ValueError with a sentence.
    """
    target = _of_shape(*_BACKUPS, value)
    return target if target.startswith(S3) else str(_directory(Path(target)))


def _address(*schemes: str) -> AfterValidator:
    shape = re.compile(rf"(?:{'|'.join(schemes)})://[^\s/?#]+[^\s?#]*")

    def check(value: str) -> str:
        if not shape.fullmatch(value):
            raise ValueError(f"Write an address that starts with {schemes[0]}://")
        return value

    return AfterValidator(check)


_BUCKET = (
    r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}",
    "Write a bucket's name: 3 to 255 letters, digits, dots, dashes or underscores",
)
_PREFIX = (
    r"[A-Za-z0-9._/-]*",
    "Write a folder's name of letters, digits, dots, dashes, underscores and slashes",
)
_BACKUPS = (
    rf"s3://{_BUCKET[0]}(?:/{_PREFIX[0]})?|(?!\w+:/|[sS]3:)[^\x00-\x1f\x7f]+",
    "Write a directory, or a bucket such as s3://my-backups/dailies",
)
_MODEL = (
    r"\S(?:[^\x00-\x1f\x7f]{0,198}\S)?",
    "Write a model's name, at most 200 characters",
)

Credits = Annotated[int, Field(ge=0, le=10**9)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Gibibytes = Annotated[float, Field(ge=0, le=10**6)]


class _Given(PydanticBaseSettingsSource):
    """Settings from the environment, the files that `…_FILE` names, `.env` and `dailies.toml`."""

    def __init__(self, settings_cls: "type[Settings]") -> None:
        super().__init__(settings_cls)
        self._read = settings_cls.read
        self._values = environment()
        self._toml = toml_settings()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = field_name.upper()
        value = self._values.get(name, "").strip() or from_file(name, self._values)
        value = value or self._toml.get(field_name)
        if isinstance(value, bool) and field.annotation is not bool:
            value = str(value).lower()  # pydantic takes it for a 1 or a 0, where a number belongs
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        found, wrong = {}, []
        for name, field in self.settings_cls.model_fields.items():
            if self._read is not None and name not in self._read:
                continue
            try:
                found[name] = self.get_field_value(field, name)[0]
            except BadSetting as error:
                wrong.append(str(error))
        if wrong:
            raise BadSetting("\n".join(wrong))
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Every setting of the bot itself; the name in the environment is the upper-case name."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    read: ClassVar[frozenset[str] | None] = None  #: the fields that are looked up; None: all

    discord_token: SecretStr | None = Field(None, description="The bot's token.")
    discord_api_url: Annotated[str, _address("https", "http")] = Field(
        "https://discord.com/api/v10",
        description="The address of Discord's REST API. Change it for a proxy, or with "
        "`DISCORD_GATEWAY_URL` for a playground.",
    )
    discord_gateway_url: Annotated[str, _address("wss", "ws")] | None = Field(
        None, description="The address of Discord's gateway. By default, the public one."
    )
    dailies_data: Annotated[Path, AfterValidator(_directory)] = Field(
        Path("data"), description="The data directory, with the database and every take."
    )
    dailies_store: Annotated[SecretStr | None, AfterValidator(_server_or_none)] = Field(
        None,
        description="The database server, as `postgresql://user:password@host/database`, or with "
        "replicas `…@host,host/database`. By default, a file in the data directory.",
    )
    dailies_shards: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="Parts into which the bot's servers are split, so that several processes share "
        "them. More than 1 needs `DAILIES_STORE` and `DAILIES_S3_BUCKET`.",
    )
    dailies_usd_per_credit: Annotated[Decimal, Field(ge=Decimal("0.0001"), le=100)] = Field(
        Decimal("0.01"), description="What 1 credit is worth, in US dollars."
    )
    dailies_quota: Credits = Field(
        500,
        description="Credits that a member can spend in each period, unless a server sets a quota.",
    )
    dailies_quota_period: Period = Field(
        Period.DAY, description="The period: `day`, `week` or `month`."
    )
    dailies_budget: Credits = Field(
        2000,
        description="Credits that a whole server can spend in each period by default.",
    )
    dailies_budget_period: Period = Field(
        Period.DAY, description="The period: `day`, `week` or `month`."
    )
    dailies_budget_all: Credits | None = Field(
        None, description="Credits that all servers together can spend. No moderator can raise it."
    )
    dailies_budget_all_period: Period = Field(
        Period.DAY, description="Its period: `day`, `week` or `month` in the time zone below."
    )
    dailies_servers: Annotated[frozenset[int], BeforeValidator(_ids)] = Field(
        frozenset(),
        description="The ids of the only servers where the bot works, separated by commas.",
    )
    dailies_jobs_per_user: Annotated[int, Field(ge=1, le=1000)] = Field(
        5, description="Clips that one person can have in progress, unless a server sets it."
    )
    dailies_jobs_per_server: Annotated[int, Field(ge=1, le=10_000)] = Field(
        50, description="Clips that a server can have in progress, unless it sets another number."
    )
    dailies_orders_per_minute: Annotated[float, Field(ge=0.01, le=10**6)] = Field(
        20, description="Clips that one person can order a minute, unless a server sets it."
    )
    dailies_orders_at_once: Annotated[int, Field(ge=1, le=1000)] = Field(
        10, description="How many of those in a row, unless a server sets it."
    )
    dailies_time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="The time zone for days, weeks and months, unless a server sets it."
    )
    dailies_local: bool = Field(
        False, description="Offer the free local provider besides the paid ones."
    )
    dailies_keep_days: Days = Field(
        90, description="Days that a clip stays on the disk. Favorites stay longer. 0: forever."
    )
    dailies_disk_gb: Gibibytes = Field(
        0,
        description="GiB that clips can use. The oldest go first, favorites last. 0: no limit.",
    )
    dailies_spare_gb: Gibibytes = Field(
        1, description="GiB that must be free on the disk, or no new clips can be ordered."
    )
    dailies_s3_bucket: Annotated[str, _shaped(*_BUCKET)] | None = Field(
        None,
        description="An S3-compatible bucket for a copy of every original.",
    )
    dailies_s3_endpoint: Annotated[str, _address("https", "http")] | None = Field(
        None,
        description="The address of the bucket's service, unless it is Amazon.",
    )
    dailies_s3_region: str = Field("us-east-1", description="The bucket's region.")
    dailies_s3_access_key: SecretStr | None = Field(
        None, description="Its access key. By default, the keys of the environment or role."
    )
    dailies_s3_secret_key: SecretStr | None = Field(
        None, description="The secret for the access key."
    )
    dailies_s3_prefix: Annotated[str, _shaped(*_PREFIX)] = Field(
        "dailies",
        description="The folder in the bucket. Each Dailies needs its own.",
    )
    dailies_s3_keep_days: Days = Field(
        0, description="Days that originals stay in the bucket. Favorites stay longer. 0: forever."
    )
    dailies_s3_link_days: Annotated[float, Field(ge=0, le=7)] = Field(
        7, description="Days that a link to an original works. 0: no links."
    )
    dailies_backup_to: Annotated[str, AfterValidator(backup_target)] | None = Field(
        None,
        description="A directory, or a bucket such as `s3://my-backups/dailies`, for regular "
        "backups of the database.",
    )
    dailies_backup_hours: Annotated[float, Field(ge=0.25, le=24 * 365)] = Field(
        24, description="Hours between two backups."
    )
    dailies_backup_keep_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        14, description="Days that a backup is kept. The newest two stay."
    )
    dailies_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much to log."
    )
    dailies_log_format: Literal["text", "json"] = Field(
        "text", description="How to log: `text`, or `json` with an object a line."
    )
    dailies_web_host: str = Field("127.0.0.1", description="The address for /healthz and /metrics.")
    dailies_web_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8766, description="Its port. 0: the system chooses one."
    )
    dailies_alert_channel: Annotated[int, Field(ge=1, lt=2**63)] | None = Field(
        None,
        description="The id of the channel where the operator is told of trouble, such as a "
        "provider that refuses the key.",
    )
    dailies_standbys: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        None,
        description="How many processes should stand by: with fewer the operator is told. By "
        "default, one where one was seen before.",
    )
    dailies_metrics_token: SecretStr | None = Field(
        None,
        description="The token that /metrics asks for: at least 16 characters. Without it, "
        "/metrics answers only on an address of this machine.",
    )
    dailies_callback_host: str = Field(
        "127.0.0.1", description="The address for callbacks from providers."
    )
    dailies_callback_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8767, description="Its port, for your https proxy. It is only open if `PUBLIC_URL` is set."
    )
    dailies_playground_host: str = Field(
        "127.0.0.1", description="The address for the playground's page."
    )
    public_url: Annotated[str, _address("https", "http")] | None = Field(
        None, description="This deployment's address on the internet. Turns callbacks on."
    )
    webhook_urls: Annotated[tuple[str, ...], BeforeValidator(_urls)] = Field(
        (),
        description="Addresses that get an event when a clip is done, failed or waits for a "
        "moderator, when a budget is used up, and when something is wrong with the deployment. Up "
        "to 5, separated by commas.",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="The secret that signs events: at least 16 characters."
    )
    webhook_prompts: bool = Field(True, description="Whether events hold prompts.")
    prompt_help_url: Annotated[str, _address("https", "http")] | None = Field(
        None,
        description="An OpenAI-compatible endpoint that rewrites prompts, such as "
        "`http://127.0.0.1:11434/v1`. Members are asked before anything is sent there.",
    )
    prompt_help_model: Annotated[str, _shaped(*_MODEL)] | None = Field(
        None, description="The model that the endpoint uses."
    )
    prompt_help_key: SecretStr | None = Field(
        None, description="The endpoint's key, if it needs one."
    )
    prompt_help_per_person: Annotated[int, Field(ge=1, le=10_000)] = Field(
        20, description="Prompts that one person can send there in a day."
    )
    prompt_help_per_server: Annotated[int, Field(ge=1, le=10**6)] = Field(
        200, description="Prompts that a server's members can send there in a day."
    )
    prompt_help_seconds: Annotated[float, Field(ge=1, le=120)] = Field(
        20, description="Seconds that the endpoint may take to answer."
    )

    @model_validator(mode="after")
    def _help_and_webhooks_are_whole(self) -> Self:
        """Raises `BadSetting`, which pydantic lets through, where a part is missing."""
        if (self.prompt_help_url is None) is not (self.prompt_help_model is None):
            raise BadSetting("Set both PROMPT_HELP_URL and PROMPT_HELP_MODEL, or neither.")
        if self.prompt_help_key is not None and self.prompt_help_url is None:
            raise BadSetting(
                "PROMPT_HELP_KEY is set, but PROMPT_HELP_URL is not. Set both or none."
            )
        if bool(self.webhook_urls) is not (self.webhook_secret is not None):
            raise BadSetting("Set both WEBHOOK_URLS and WEBHOOK_SECRET, or neither.")
        token = self.dailies_metrics_token
        if token is not None and len(token.get_secret_value()) < SECRET_MIN:
            raise BadSetting(f"DAILIES_METRICS_TOKEN must have at least {SECRET_MIN} characters.")
        secret = self.webhook_secret.get_secret_value() if self.webhook_secret else None
        if secret is not None and len(secret) < SECRET_MIN:
            raise BadSetting(f"WEBHOOK_SECRET must have at least {SECRET_MIN} characters.")
        return self

    @property
    def server(self) -> str | None:
        """The address of the database server, with its password; None: a file."""
        return None if self.dailies_store is None else self.dailies_store.get_secret_value()

    @model_validator(mode="after")
    def _backups_are_of_a_file(self) -> Self:
        """Raises `BadSetting`, which pydantic lets through."""
        if self.dailies_store is not None and self.dailies_backup_to is not None:
            raise BadSetting(
                "DAILIES_BACKUP_TO backs up the database file, and DAILIES_STORE names a server. "
                "Unset DAILIES_BACKUP_TO and back the server up with pg_dump."
            )
        return self

    @model_validator(mode="after")
    def _shards_are_of_several(self) -> Self:
        """Raises `BadSetting`, which pydantic lets through, where processes could share nothing."""
        if self.dailies_shards > 1 and (
            self.dailies_store is None or self.dailies_s3_bucket is None
        ):
            raise BadSetting(
                "DAILIES_SHARDS above 1 needs DAILIES_STORE and DAILIES_S3_BUCKET, because several "
                "processes share the rows and the clips. Set both, or DAILIES_SHARDS=1."
            )
        return self

    @model_validator(mode="after")
    def _bucket_is_whole(self) -> Self:
        """Raises `BadSetting`, which pydantic lets through, where a part is missing."""
        parts = {
            "DAILIES_S3_ENDPOINT": self.dailies_s3_endpoint,
            "DAILIES_S3_ACCESS_KEY": self.dailies_s3_access_key,
            "DAILIES_S3_SECRET_KEY": self.dailies_s3_secret_key,
        }
        _endpoint, access, secret = parts.values()
        if self.dailies_s3_bucket is None:
            lonely = next((name for name, value in parts.items() if value is not None), None)
            if (self.dailies_backup_to or "").startswith(S3):
                lonely = None  # the backups' bucket is of that service
            if lonely is not None:
                raise BadSetting(
                    f"{lonely} is set, but DAILIES_S3_BUCKET is not. Set both or none."
                )
        if (access is None) is not (secret is None):
            raise BadSetting(
                "Set both DAILIES_S3_ACCESS_KEY and DAILIES_S3_SECRET_KEY. Set neither to use the "
                "keys of the environment or of the machine's role."
            )
        return self

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings of this process; *given* ones win.

        Raises `BadSetting` naming each that cannot be used.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            raise BadSetting("\n".join(wrong_settings(error))) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # `_Given` reads it too
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Given(cls)


class PlaygroundSettings(Settings):
    """Those of a playground: no token, key, bucket, or address of anything real is looked up."""

    read: ClassVar[frozenset[str] | None] = frozenset(
        {
            "dailies_usd_per_credit",
            "dailies_quota",
            "dailies_quota_period",
            "dailies_budget",
            "dailies_budget_period",
            "dailies_jobs_per_user",
            "dailies_jobs_per_server",
            "dailies_orders_per_minute",
            "dailies_orders_at_once",
            "dailies_time_zone",
            "dailies_keep_days",
            "dailies_disk_gb",
            "dailies_spare_gb",
            "dailies_log_level",
            "dailies_log_format",
            "dailies_web_host",
            "dailies_web_port",
            "dailies_playground_host",
        }
    )


def wrong_settings(error: ValidationError, prefix: str = "") -> list[str]:
    """A sentence for each setting that *error* is about; *prefix* stands before their names."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False):
        name = f"{prefix}{each['loc'][0]}".upper() if each["loc"] else CONFIG
        found.setdefault(name, f"{name} can't be used: {said_of(each)}.")
    return list(found.values())


def provider_sections(toml: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The `[providers.<name>]` sections of `dailies.toml`. Raises `BadSetting`."""
    sections = toml.get("providers", {})
    if not isinstance(sections, dict) or not all(
        isinstance(each, dict) for each in sections.values()
    ):
        raise BadSetting(f"In {CONFIG}, providers must be sections such as [providers.ltx].")
    return sections
