"""How a bot must behave on the gateway: heartbeats, how much, how often, who may identify when.

Sources: events/gateway ("Sending Heartbeats", "Rate Limiting", "Identifying"), opcodes.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

HEARTBEAT = 41.25  #: seconds between heartbeats, what Discord asks for
GRACE = 1.5  #: heartbeat intervals that pass in silence before a session has timed out
FRAME = 4096  #: bytes of one payload
FRAMES, MINUTE = 120, 60.0  #: payloads in so many seconds
IDENTIFY_EVERY = 5.0  #: seconds between two identifies of one bucket
STARTS, DAY = 1000, 24 * 3600.0  #: identifies in so many seconds

DECODE, UNAUTHENTICATED, BAD_TOKEN, AUTHENTICATED = 4002, 4003, 4004, 4005
BAD_SEQUENCE, TOO_FAST, TIMED_OUT, BAD_SHARD, NEEDS_SHARDS = 4007, 4008, 4009, 4010, 4011
BAD_VERSION, BAD_INTENTS, NO_INTENTS, BAD_OPCODE = 4012, 4013, 4014, 4001

#: What stands beside a close code.
WORDS = {
    BAD_OPCODE: "Unknown opcode.",
    DECODE: "Error while decoding payload.",
    UNAUTHENTICATED: "Not authenticated.",
    BAD_TOKEN: "Authentication failed.",
    AUTHENTICATED: "Already authenticated.",
    BAD_SEQUENCE: "Invalid seq.",
    TOO_FAST: "Rate limited.",
    TIMED_OUT: "Session timed out.",
    BAD_SHARD: "Invalid shard.",
    NEEDS_SHARDS: "Sharding required.",
    BAD_VERSION: "Invalid API version.",
    BAD_INTENTS: "Invalid intent(s).",
    NO_INTENTS: "Disallowed intent(s).",
}


class Misconduct(Exception):
    """A client broke a rule; its connection is closed with *code*."""

    def __init__(self, code: int) -> None:
        super().__init__(WORDS[code])
        self.code = code


def parse(text: str) -> tuple[int, Any]:
    """Opcode and data of a payload. Raises Misconduct for one that is too big or no payload."""
    if len(text.encode("utf-8", "surrogatepass")) > FRAME:
        raise Misconduct(DECODE)
    try:
        frame = json.loads(text)
        return int(frame["op"]), frame.get("d")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Misconduct(DECODE) from None


class Pulse:
    """One connection's heartbeats and pace. *silent* is called once it was silent for too long.

    It goes by the machine's time: a test that turns the playground's clock does not stop a heart.
    """

    def __init__(self, interval: float, silent: Callable[[], None]) -> None:
        self._interval = interval
        self._silent = silent
        self._frames: deque[float] = deque()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(interval * GRACE, silent)

    def beat(self) -> None:
        """A heartbeat came."""
        self._timer.cancel()
        self._timer = self._loop.call_later(self._interval * GRACE, self._silent)

    def count(self) -> None:
        """A payload came. Raises Misconduct where that is more than a minute holds."""
        now = self._loop.time()
        self._frames.append(now)
        while self._frames[0] <= now - MINUTE:
            self._frames.popleft()
        if len(self._frames) > FRAMES:
            raise Misconduct(TOO_FAST)

    def stop(self) -> None:
        self._timer.cancel()


class Starts:
    """When bots identified: one in five seconds and bucket, a thousand a day.

    A shard's bucket is its number modulo `concurrency` (topics/gateway, "Sharding").
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begun: deque[float] = deque()
        self._newest: dict[int, float] = {}  #: when the newest of each bucket was
        self.concurrency = 1

    def take(self, shard: int = 0) -> bool:
        """Count an identify, unless it comes too soon after another one of its bucket."""
        now, bucket = self._now(), shard % self.concurrency
        if now - self._newest.get(bucket, -IDENTIFY_EVERY) < IDENTIFY_EVERY or self.left() == 0:
            return False
        self._begun.append(now)
        self._newest[bucket] = now
        return True

    def left(self) -> int:
        """How many sessions may begin until the day is over."""
        while self._begun and self._begun[0] <= self._now() - DAY:
            self._begun.popleft()
        return max(0, STARTS - len(self._begun))

    def again_in(self) -> float:
        """Seconds until the oldest of them no longer counts; 0 without any."""
        return max(0.0, self._begun[0] + DAY - self._now()) if self._begun else 0.0

    def rest(self) -> None:
        """As if five seconds had passed since the last one."""
        self._newest.clear()
