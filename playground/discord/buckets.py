"""Rate limits: how often each route may be called, and the headers that say so.

Discord publishes no numbers ("do not hard-code rate limits", topics/rate-limits); these are
what bots measure. A bot that reads the headers, as discord.py does, never meets a 429.
"""

import hashlib
from dataclasses import dataclass, replace

from playground.discord.clock import Clock
from playground.discord.trouble import VIA, limit_headers

GLOBAL_PER_SECOND = 50  #: requests with a bot's token (topics/rate-limits, "Global Rate Limit")


@dataclass(frozen=True, slots=True)
class Limit:
    """*calls* in *seconds*, for each channel, server, webhook or interaction on its own."""

    calls: int
    seconds: float


DEFAULT = Limit(50, 1.0)

#: By method and route; `{name}` stands for any one part.
LIMITS = {
    ("POST", "/channels/{channel_id}/messages"): Limit(5, 5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): Limit(5, 5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): Limit(5, 1.0),
    ("POST", "/channels/{channel_id}/typing"): Limit(5, 5.0),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me"): Limit(1, 0.25),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me"): Limit(
        1, 0.25
    ),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}"): Limit(
        1, 0.25
    ),
    ("POST", "/webhooks/{webhook_id}/{token}"): Limit(5, 2.0),
    ("PATCH", "/webhooks/{webhook_id}/{token}/messages/{message_id}"): Limit(5, 2.0),
}

#: A channel's or thread's name may change twice in ten minutes: a limit within the route's own,
#: which no header announces.
RENAMES = Limit(2, 600.0)

#: Edits of a message older than an hour: fewer are allowed, error 30046 above them. Discord does
#: not say how many; ten an hour is the strict end of what bots report.
OLD_AGE = 3600.0
OLD_EDITS = Limit(10, 3600.0)

#: Answers 401, 403 and 429 (but not those of shared limits) before an address is kept out
#: (topics/rate-limits, "Invalid Request Limit").
INVALID = "invalid requests", Limit(10_000, 600.0)


@dataclass(slots=True)
class _Window:
    ends: float
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a call may pass, and the headers of its answer."""

    allowed: bool
    retry_after: float  #: seconds; 0 if allowed
    shared_globally: bool
    headers: dict[str, str]


class Buckets:
    """The windows of every bucket, by the playground's clock."""

    def __init__(self, clock: Clock, *, enforced: bool = True, scale: float = 1.0) -> None:
        """*scale* makes the windows of the routes that much longer."""
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self.enforced = enforced
        self.scale = scale

    def take(self, method: str, template: str, major: str, *, counts_globally: bool) -> Verdict:
        """One call of a route. *major* is the channel, server or token that has its own bucket."""
        route = LIMITS.get((method, template), DEFAULT)
        limit = replace(route, seconds=route.seconds * self.scale)
        bucket = hashlib.sha256(f"{method} {template}".encode()).hexdigest()[:16]
        if counts_globally:
            wait = self.spend("global", Limit(GLOBAL_PER_SECOND, 1.0))
            if wait:
                headers = limit_headers(wait, "global")
                return Verdict(
                    allowed=False, retry_after=wait, shared_globally=True, headers=headers
                )
        wait = self.spend(f"{bucket}:{major}", limit)
        window = self._windows[f"{bucket}:{major}"]
        headers = {
            "X-RateLimit-Limit": str(limit.calls),
            "X-RateLimit-Remaining": str(max(0, limit.calls - window.used)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{max(0.001, window.ends - self._clock.now()):.3f}",
            "X-RateLimit-Bucket": bucket,
            **VIA,
        }
        if wait:
            headers |= limit_headers(wait, "user")
        return Verdict(allowed=not wait, retry_after=wait, shared_globally=False, headers=headers)

    def spend(self, key: str, limit: Limit) -> float:
        """Count one use; 0 if it was within the limit, else the seconds until it would be."""
        now = self._clock.now()
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            if len(self._windows) > 5_000:
                self._windows = {
                    name: item for name, item in self._windows.items() if item.ends > now
                }
            window = self._windows[key] = _Window(now + limit.seconds, 0)
        if not self.enforced:
            return 0.0
        if window.used >= limit.calls:
            return window.ends - now
        window.used += 1
        return 0.0

    def spent(self, key: str, limit: Limit) -> bool:
        """Whether nothing is left of a limit; counts nothing."""
        window = self._windows.get(key)
        return window is not None and window.ends > self._clock.now() and window.used >= limit.calls
