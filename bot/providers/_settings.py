"""A provider's own settings, read from the environment: `LTX_API_KEY`, `LTX_CONCURRENCY`, …

A provider declares them as a pydantic model with `model_config = SETTINGS` and an `api_key`;
`read(Settings, "LTX", connection.environ)` is one of those, or None without `LTX_API_KEY`.
"""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.settings import BadSetting, from_file, wrong_settings

__all__ = ["RETRY_SUBMIT", "SETTINGS", "read"]

SETTINGS = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

#: Each company's own switch: nobody but its operator knows how its errors are to be believed.
RETRY_SUBMIT: bool = Field(
    True,
    description="Whether to send an order again after it answered 429 or 503 within 10 s, in its "
    "own form. `false` asks a moderator instead.",
)

T = TypeVar("T", bound=BaseModel)


def read(
    model: type[T], prefix: str, environ: Mapping[str, str], *, key: str = "api_key"
) -> T | None:
    """The settings named `PREFIX_FIELD`, or the files named by `PREFIX_FIELD_FILE`.

    None where *key* is not set: a provider without a key does not exist. An empty value
    counts as not set. Raises `BadSetting` naming each that is wrong and what is allowed.
    """
    values = {}
    for name in model.model_fields:
        setting = f"{prefix}_{name.upper()}"
        value = environ.get(setting, "").strip() or from_file(setting, environ)
        if value:
            values[name] = value
    if key not in values:
        return None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BadSetting("\n".join(wrong_settings(error, f"{prefix}_"))) from None
