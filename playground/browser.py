"""The page: its files, and the websocket on which it plays one person."""

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from playground import Playground


def add_routes(app: web.Application, playground: "Playground") -> None:
    """Serve the page on `/` and below `/page/`."""
