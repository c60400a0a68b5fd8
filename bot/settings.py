"""What a deployment decides. Read once, in `cli.py`, and passed down by value.

A setting comes from the environment, else from a file named by the same setting with `_FILE`
behind it, else from `.env`, else from `dailies.toml`. A provider's own settings are declared in
that provider's file; they come from `environment` below.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
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
    TomlConfigSettingsSource,
)

from storage import Period
from storage.periods import zone_named

CONFIG = "dailies.toml"
DOTENV = ".env"


class BadSetting(Exception):
    """A setting cannot be used. The message names it and says what is allowed."""


def environment(environ: Mapping[str, str] = os.environ, dotenv: str = DOTENV) -> dict[str, str]:
    """The environment over `.env`: what every setting, also a provider's, is looked up in."""
    values = {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
    return {**values, **environ}


def from_file(name: str, values: Mapping[str, str]) -> str | None:
    """What the file named by `NAME_FILE` holds, without the blanks around it.

    Raises `BadSetting` where it cannot be read.
    """
    path = values.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{name}_FILE names a file that cannot be read: {path}") from error


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
        raise ValueError("Write the ids of servers, such as 81384788765712384, with commas between")
    return frozenset(int(part) for part in found)


def _address(*schemes: str) -> AfterValidator:
    shape = re.compile(rf"(?:{'|'.join(schemes)})://[^\s/?#]+[^\s?#]*")

    def check(value: str) -> str:
        if not shape.fullmatch(value):
            raise ValueError(f"Write an address that begins with {schemes[0]}://")
        return value

    return AfterValidator(check)


Credits = Annotated[int, Field(ge=0, le=10**9)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Gibibytes = Annotated[float, Field(ge=0, le=10**6)]


class _Files(PydanticBaseSettingsSource):
    """Settings from the environment, `.env`, and the files that `…_FILE` names."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._values = environment()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = field_name.upper()
        return self._values.get(name) or from_file(name, self._values), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Every setting of the bot itself; the name in the environment is the upper-case name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", toml_file=CONFIG)

    discord_token: SecretStr | None = Field(None, description="The bot's token.")
    discord_api_url: Annotated[str, _address("https", "http")] = Field(
        "https://discord.com/api/v10",
        description="Where Discord's REST API is: a proxy of yours, or another playground.",
    )
    discord_gateway_url: Annotated[str, _address("wss", "ws")] | None = Field(
        None, description="Where Discord's gateway is; by default, where the API says."
    )
    dailies_data: Path = Field(
        Path("data"), description="The data directory: the database and every take."
    )
    dailies_usd_per_credit: Annotated[Decimal, Field(ge=Decimal("0.0001"), le=100)] = Field(
        Decimal("0.01"), description="What one credit is worth, in US dollars."
    )
    dailies_quota: Credits = Field(
        500, description="Credits that a member may spend a day, where a server sets nothing else."
    )
    dailies_quota_period: Period = Field(
        Period.DAY, description="Whether that is each `day`, `week` or `month`."
    )
    dailies_budget: Credits = Field(
        2000, description="Credits that a whole server may spend a day, likewise."
    )
    dailies_budget_period: Period = Field(
        Period.DAY, description="Whether that is each `day`, `week` or `month`."
    )
    dailies_budget_all: Credits | None = Field(
        None, description="Credits that all servers together may spend; no moderator can raise it."
    )
    dailies_budget_all_period: Period = Field(
        Period.DAY, description="Every `day`, `week` or `month` of the time zone below."
    )
    dailies_servers: Annotated[frozenset[int], BeforeValidator(_ids)] = Field(
        frozenset(), description="The ids of the only servers it works in, with commas between."
    )
    dailies_jobs_per_user: Annotated[int, Field(ge=1, le=1000)] = Field(
        5, description="Clips that one person may have under way at once, likewise."
    )
    dailies_jobs_per_server: Annotated[int, Field(ge=1, le=10_000)] = Field(
        50, description="Clips that a server may have under way at once, likewise."
    )
    dailies_orders_per_minute: Annotated[float, Field(ge=0.01, le=10**6)] = Field(
        20, description="Clips that one person may order a minute, likewise."
    )
    dailies_orders_at_once: Annotated[int, Field(ge=1, le=1000)] = Field(
        10, description="How many of those in one go, likewise."
    )
    dailies_time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="The time zone in which days, weeks and months begin, likewise."
    )
    dailies_local: bool = Field(
        False, description="Offer the free local provider beside the paid ones."
    )
    dailies_keep_days: Days = Field(
        90, description="Days that a clip stays on the disk; favourites stay longer. 0: for ever."
    )
    dailies_disk_gb: Gibibytes = Field(
        0, description="GiB that clips may take; the oldest that nobody likes go first. 0: all."
    )
    dailies_spare_gb: Gibibytes = Field(
        1, description="GiB that must be free on the disk for new clips to be taken."
    )
    dailies_s3_bucket: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$",
        description="An S3-compatible bucket that every original is copied to.",
    )
    dailies_s3_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#][^\s?#]*$",
        description="Where the bucket's service is, unless it is Amazon's.",
    )
    dailies_s3_region: str = Field("us-east-1", description="The bucket's region.")
    dailies_s3_access_key: SecretStr | None = Field(
        None, description="Its access key; without one, those of the environment or role count."
    )
    dailies_s3_secret_key: SecretStr | None = Field(
        None, description="The secret that belongs to the access key."
    )
    dailies_s3_prefix: str = Field(
        "dailies",
        pattern=r"^[A-Za-z0-9._/-]*$",
        description="The folder of the bucket; each Dailies needs one of its own.",
    )
    dailies_s3_keep_days: Days = Field(
        0, description="Days that originals stay in the bucket; favourites longer. 0: for good."
    )
    dailies_s3_link_days: Annotated[float, Field(ge=0, le=7)] = Field(
        7, description="Days that a link to an original lives. 0: no links."
    )
    dailies_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much is logged."
    )
    dailies_web_host: str = Field(
        "127.0.0.1", description="The address that /healthz and callbacks listen on."
    )
    dailies_web_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8766, description="Its port; 0 lets the system choose one."
    )
    dailies_playground_host: str = Field(
        "127.0.0.1", description="The address that the playground's page listens on."
    )
    public_url: Annotated[str, _address("https", "http")] | None = Field(
        None, description="Where the internet reaches this deployment; switches callbacks on."
    )

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
            if lonely is not None:
                raise BadSetting(f"{lonely} is set and DAILIES_S3_BUCKET is not; set both or none.")
        elif (access is None) is not (secret is None):
            raise BadSetting(
                "DAILIES_S3_ACCESS_KEY and DAILIES_S3_SECRET_KEY belong together; set both, or "
                "neither to use the keys of the environment or of the machine's role."
            )
        return self

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings of this process; *given* ones win.

        Raises `BadSetting` naming the first that cannot be used.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0]).upper() if first["loc"] else CONFIG
            said = first["msg"]
            if first["type"] == "value_error":  # a sentence of ours
                said = str(first["ctx"]["error"])
            raise BadSetting(f"{name} cannot be used: {_lower(said).rstrip('.')}.") from None
        except tomllib.TOMLDecodeError as error:
            raise BadSetting(f"{CONFIG} is not valid TOML: {error}.") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # `_Files` reads it too
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Files(settings_cls), TomlConfigSettingsSource(settings_cls)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def provider_sections(path: str = CONFIG) -> dict[str, dict[str, Any]]:
    """The `[providers.<name>]` sections of `dailies.toml`.

    Raises `BadSetting` where the file is not TOML.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not valid TOML: {error}") from error
    sections = data.get("providers", {})
    if not isinstance(sections, dict) or not all(
        isinstance(each, dict) for each in sections.values()
    ):
        raise BadSetting(f"In {path}, providers must be sections such as [providers.ltx].")
    return sections
