"""`dailies move`, as an operator types it."""

from pydantic import SecretStr

from bot.exits import OK, USAGE, Exit
from bot.settings import Settings, server_address
from storage import move_to_server


def move(settings: Settings, to: str | None) -> int:
    """`dailies move`: move the rows of the file to the server *to*, else to that of DAILIES_STORE.

    Raises `Exit`, `Locked` or `CannotOpen`.
    """
    url = to or settings.server
    if url is None:
        raise Exit("Say where: `dailies move --to postgresql://…`, or set DAILIES_STORE.", USAGE)
    try:
        server_address(SecretStr(url))
    except ValueError as error:
        raise Exit(f"That address can't be used. {error}.", USAGE) from None
    moved = move_to_server(settings.dailies_data, url)
    print(f"✓ {moved.rows:,} rows of {moved.tables} tables are on the server, each compared,")
    print("  and the accounts add up there.")
    print(f"  {moved.kept_as.name} is the old file, which nothing reads any more.")
    print("  Next: set DAILIES_STORE to that address, then `dailies run`.")
    return OK
