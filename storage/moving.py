"""Moves the rows of a SQLite file to a database server: see `postgresql.moving`."""

from pathlib import Path
from typing import TYPE_CHECKING

from .opening import server_opening

if TYPE_CHECKING:
    from .postgresql.moving import Moved


def move_to_server(directory: Path, url: str) -> "Moved":
    """Move the database in *directory* to the server *url*, all of it or nothing.

    Raises `CannotOpen` with a sentence.
    """
    server_opening()  # says where the driver is missing
    from .postgresql.moving import move

    return move(directory, url)
