"""`dailies health`: ask the bot of this machine whether it is well, or with `--live` alive.

It runs every 30 seconds in a container, so it loads next to nothing: no setting is checked, and
HTTP is spoken by hand.
"""

import json
import os
import socket
from pathlib import Path

WITHIN = 8.0  #: seconds; one check of the bot's own takes up to 5
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # compared, not bound


def main(*, live: bool = False) -> int:
    """Print how it is. 0 when it is well, 1 when it is not, or nothing answers.

    With *live*, well is what a restart would not make better: see `bot.app.probes`.
    """
    host, port = address()
    path = "/livez" if live else "/healthz"
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"
    try:
        body = json.loads(_get(host, int(port), path))
        said = body["trouble"] or ["well"]
        well = bool(body["ok"])
    except OSError:
        print(f"Nothing answers at {url}.")
        return 1
    except (ValueError, KeyError, TypeError):
        print(f"What answers at {url} is not Dailies.")
        return 1
    print("; ".join([*said, *body.get("remarks", [])]))
    return 0 if well else 1


def address() -> tuple[str, str]:
    """Where the bot listens, by the settings of this process."""
    host = _setting("DAILIES_WEB_HOST") or "127.0.0.1"
    return _EVERYWHERE.get(host, host), _setting("DAILIES_WEB_PORT") or "8766"


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
