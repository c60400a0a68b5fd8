"""Who may come in: the names this place answers to, its own page's origin, and a key for others.

A page of any site may send a browser here under that site's own name (DNS rebinding), so a request
is only answered when it asks for a name of this machine. Where the playground listens for others
than this machine, whoever plays a person shows a key, which is in the link that is printed.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from yarl import URL

HOST = "127.0.0.1"
COOKIE = "playground-key"
QUERY = "key"
MISDIRECTED = 421  #: RFC 9110: this server does not answer for that name

#: What proves itself by a secret of its own: a bot's token, an interaction's, a signed link.
OTHER_DOORS = ("/api/", "/gateway", "/attachments/")

_ASK = (
    "The playground listens for more than this machine, so its page needs the key that is in "
    "the link it printed. Open that link."
)


def is_loopback(host: str) -> bool:
    """Whether what listens on *host* is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, told in the same time whatever they are; any text will do."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


class Doors:
    """Stands before every route. *key* is what a person's browser must show; "" where none."""

    def __init__(self, host: str, names: Iterable[str] = ()) -> None:
        """*host* is what is listened on, *names* the further names that it may be called by."""
        self.host = HOST if host == "localhost" else host
        self.names = frozenset(_plain(name) for name in (self.host, *names))
        self.key = "" if is_loopback(self.host) else secrets.token_urlsafe(32)

    @property
    def addresses(self) -> list[str]:
        """Where to listen: on the host, and for our own bot always on this machine as well."""
        own = self.host == "0.0.0.0" or self.host == HOST  # noqa: S104  # it is asked about
        return [self.host] if own else [self.host, HOST]

    def link(self, port: int, name: str = HOST) -> str:
        """The page's address under *name*, with the key where one is needed."""
        place = f"[{name}]" if ":" in name else name
        return f"http://{place}:{port}/" + (f"?{QUERY}={self.key}" if self.key else "")

    def knows(self, netloc: str) -> bool:
        """Whether *netloc*, `name` or `name:port`, is a name of this place."""
        try:
            name = URL(f"http://{netloc}/").host or ""
        except ValueError:
            return False
        # A name with anything before or behind it would be read otherwise by somebody else.
        if netloc.lower() not in _spellings(name, netloc):
            return False
        return is_loopback(name) or name.rstrip(".").lower() in self.names

    @web.middleware
    async def check(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Let a request through to its route, or say why not."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self.knows(hosts[0]):
            text = "The playground is not called that; a further name is given with --name."
            return web.Response(status=MISDIRECTED, text=text)
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() not in _origins(hosts[0]):
            return web.Response(status=403, text="This belongs to the playground's own page.")
        if not self.key or request.path.startswith(OTHER_DOORS):
            return await handler(request)
        if request.method == "GET" and request.path == "/" and QUERY in request.query:
            if not same(request.query[QUERY], self.key):
                return web.Response(status=401, text=_ASK)
            answer = web.Response(status=303, headers={"Location": "/"})
            # Not Strict: a browser that follows the link from another page would be asked again.
            answer.set_cookie(COOKIE, self.key, httponly=True, samesite="Lax")
            return answer
        if not same(request.cookies.get(COOKIE, ""), self.key):
            return web.Response(status=401, text=_ASK)
        return await handler(request)


def _plain(name: str) -> str:
    return name.strip().rstrip(".").lower()


def _spellings(name: str, netloc: str) -> set[str]:
    """What *netloc* may look like where it names *name*."""
    port = netloc.rpartition(":")[2]
    place = f"[{name}]" if ":" in name else name
    return {place.lower()} | ({f"{place}:{port}".lower()} if port.isdecimal() else set())


def _origins(netloc: str) -> set[str]:
    return {f"{scheme}://{netloc}".lower() for scheme in ("http", "https")}
