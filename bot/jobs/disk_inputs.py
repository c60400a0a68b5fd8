"""Where the inputs of an order are, when it is sent."""

from pathlib import Path

from bot.errors import Failure, Refusal
from storage import Input

__all__ = ["INPUT_GONE", "input_at"]

INPUT_GONE = "A file of this order is no longer on the bot's disk. Nothing was ordered."


def input_at(data: Path, given: Input) -> Path:
    """The file of an input below *data*. Raises `Refusal` where somebody deleted it."""
    path = data / given.file
    if not path.exists():
        raise Refusal(INPUT_GONE, failure=Failure.INPUT)
    return path
