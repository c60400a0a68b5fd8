"""`dailies health`: ask the bot of this machine whether it is well, or with `--live` alive.

It runs every 30 seconds in a container, so it loads next to nothing: no setting is checked, and
HTTP is spoken by hand.
"""

import json
import os
import socket
from pathlib import Path

from bot.exits import FAILED, OK

LAST_PORT = 65_535
WITHIN = 8.0  #: seconds; one check of the bot's own takes up to 5
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # compared, not bound


class NoAddress(Exception):
    """The settings do not say where the bot listens."""


def main(host: str, port: int, *, live: bool = False) -> int:
    """Print how the bot is that listens there. 0: well, 1: not well, or nothing answers.

    With *live*, well is what a restart would not make better: see `bot.app.probes`.
    """
    if port == 0:
        print("DAILIES_WEB_PORT is 0: the system chose the bot's port. Set a number, to check it.")
        return FAILED
    host = _EVERYWHERE.get(host, host)
    path = "/livez" if live else "/healthz"
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"
    try:
        answer = _get(host, port, path)
    except (OSError, UnicodeError):  # the latter of a name that no host can have
        print(
            f"Nothing answers at {url}. Is Dailies running? `dailies run` starts it, and "
            "DAILIES_WEB_HOST and DAILIES_WEB_PORT say where it listens."
        )
        return FAILED
    try:
        body = json.loads(answer)
        said = body["trouble"] or ["well"]
        well = bool(body["ok"])
    except (ValueError, KeyError, TypeError):
        print(f"What answers at {url} is not Dailies.")
        return FAILED
    print("; ".join([*said, *body.get("remarks", [])]))
    return OK if well else FAILED


def address() -> tuple[str, int]:
    """Where the bot listens: host and port, by the settings of this process.

    Raises `NoAddress` where they cannot be read, or the port is none.
    """
    try:
        host = _setting("DAILIES_WEB_HOST") or "127.0.0.1"
        port = int(_setting("DAILIES_WEB_PORT") or "8766")
    except (OSError, ValueError) as error:
        raise NoAddress from error
    if not 0 <= port <= LAST_PORT:
        raise NoAddress
    return host, port


def _setting(name: str) -> str | None:
    """A setting, looked up where `bot.settings` looks; its libraries only where there is a file."""
    for value in (os.environ.get(name), _read(os.environ.get(f"{name}_FILE"))):
        if value:
            return value.strip()
    if Path(".env").is_file():
        from dotenv import dotenv_values

        values = dotenv_values(".env", encoding="utf-8-sig")
        for value in (values.get(name), _read(values.get(f"{name}_FILE"))):
            if value:
                return value.strip()
    if Path("dailies.toml").is_file():
        import tomllib

        value = tomllib.loads(Path("dailies.toml").read_text("utf-8-sig")).get(name.lower())
        return None if value is None else str(value)
    return None


def _read(path: str | None) -> str | None:
    return Path(path).read_text(encoding="utf-8-sig") if path else None


def _get(host: str, port: int, path: str) -> bytes:
    """The body of the answer to GET *path*."""
    with socket.create_connection((host, port), timeout=WITHIN) as connection:
        request = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        answer = bytearray()
        while part := connection.recv(65_536):
            answer += part
    return bytes(answer).partition(b"\r\n\r\n")[2]
