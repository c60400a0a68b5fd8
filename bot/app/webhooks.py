"""Tells an operator's own addresses what happened: signed, in order, at least once.

The events are rows, written in the transaction of what they tell (`storage/outbox.py`). One leaves
once its receiver has answered 2xx; until then it is sent again, under the same name. A receiver
that is down is asked ever more rarely, and holds up nobody but itself.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bot.backoff import backoff
from bot.errors import Busy
from bot.files.operator_url import post, shown
from storage import FINISHED, Backlog, DiskTrouble, Job, Outbox, OutboxEvent, State
from storage.outbox import kind_of

log = logging.getLogger(__name__)

EVERY = 15.0  #: seconds between two looks at the outbox without news
AT_ONCE = 4  #: events that are on their way to one receiver
DEADLINE = 10.0  #: seconds that a receiver may take
PAUSE, LONGEST_PAUSE = 1.0, 300.0  #: seconds that a receiver which fails is left alone
AGAIN, LATEST_AGAIN = 5.0, 900.0  #: seconds before the same event is sent again
KEPT = 3 * 86_400.0  #: seconds after which an event that nobody took is given up
LINK_WAIT = 120.0  #: seconds that a finished clip's event waits for its copy in the bucket
LINK_EVERY = 5.0  #: seconds between two looks for that copy
DOWN = 3  #: failures in a row after which the operator is told
#: Answers that are about one event: its receiver is well, and takes others.
_THIS_ONE = frozenset({400, 409, 413, 415, 422})

#: The link to a file's copy in the bucket and when it dies; None where there is none.
Link = Callable[[str], Awaitable[tuple[str, float] | None]]


def receiver_of(url: str) -> str:
    """What the database calls the receiver at *url*, which may hold a key."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header that signs *body*, sent at *at* (Unix seconds): 't=…,v1=…'."""
    signed = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


class Webhooks:
    """Sends the outbox to its receivers. Each has a task of its own."""

    def __init__(
        self,
        outbox: Outbox,
        urls: Sequence[str],
        secret: str,
        *,
        link: Link | None,
        clock: Callable[[], float],
        on_the_wall: Callable[[float], float],
        wall: Callable[[], float] = time.time,
        pause: float = PAUSE,
        ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """*link* is None where no link can be given. *clock* is the store's, which *on_the_wall*
        turns into the machine's; *wall* is that of signatures, as receivers compare it with
        theirs. All in seconds since 1970. *ours* says whether this process is the one that sends.
        """
        self._outbox = outbox
        self._urls = {receiver_of(url): url for url in urls}
        self._secret = secret
        self._link = link
        self._clock = clock
        self._on_the_wall = on_the_wall
        self._wall = wall
        self._pause = pause
        self._ours = ours
        self._news = {receiver: asyncio.Event() for receiver in self._urls}
        self._down: dict[str, int] = {}  # failures in a row
        self.sent = self.failed = self.given_up = 0  #: tries and events, since the start

    def moved(self, job: Job) -> None:
        """Look at the outbox now if *job* came into a state that is told."""
        if kind_of(job.state) is not None:
            self.wake()

    def wake(self) -> None:
        """Look at the outbox now: something happened."""
        for news in self._news.values():
            news.set()

    async def run(self) -> None:
        """Send, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for receiver in self._urls:
                tasks.create_task(self._serve(receiver), name=f"webhook {receiver}")

    async def trouble(self) -> str | None:
        """What the operator should know, in a few words."""
        down = [shown(self._urls[each]) for each, times in self._down.items() if times >= DOWN]
        parts = [f"webhook {each} takes no events" for each in down]
        if self.given_up:
            parts.append(f"webhook events given up since the start: {self.given_up:,}")
        return "; ".join(parts) or None

    async def _serve(self, receiver: str) -> None:
        while True:
            self._news[receiver].clear()
            failures = self._down.get(receiver, 0)
            if not self._ours():
                await asyncio.sleep(EVERY)
                continue
            try:
                asked = await self.send(receiver, limit=1 if failures else AT_ONCE)
            except DiskTrouble as trouble:
                log.warning("Webhook events wait: %s", trouble)
                asked = 0
            except Exception:  # a boundary: one that cannot be sent must not end all the others
                log.exception("Webhook events could not be sent")
                self._note(receiver, well=False)
                asked = 0
            failures = self._down.get(receiver, 0)
            if failures:
                await asyncio.sleep(backoff(failures - 1, most=LONGEST_PAUSE, first=self._pause))
            elif not asked:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news[receiver].wait(), EVERY)

    async def send(self, receiver: str, *, limit: int = AT_ONCE) -> int:
        """Send what is due to *receiver*, at most *limit* events at once; how many they were.

        Raises `DiskTrouble`: then an event that was taken may be sent once more.
        """
        events = await self._outbox.due(receiver, self._clock(), limit=limit)
        done = await asyncio.gather(*(self._try(each) for each in events), return_exceptions=True)
        for each in done:
            if isinstance(each, BaseException):
                raise each
        told = [each for each in done if each is not None]
        if told:
            self._note(receiver, well=any(told))
        return len(events)

    def _note(self, receiver: str, *, well: bool) -> None:
        if well:
            if self._down.pop(receiver, 0) >= DOWN:
                log.info("Webhook %s takes events again", shown(self._urls[receiver]))
            return
        self._down[receiver] = self._down.get(receiver, 0) + 1
        if self._down[receiver] == DOWN:
            log.warning("Webhook %s takes no events; they wait", shown(self._urls[receiver]))

    async def _try(self, event: OutboxEvent) -> bool | None:
        """Send *event*; whether its receiver is well, None where nothing was heard of it. What it
        did not take is due again, or is given up."""
        url, well = self._urls[event.receiver], None
        try:
            body = await self._body(event)
            if body is None:
                await self._outbox.hold(event.id, due_at=self._clock() + LINK_EVERY)
                return None
            answer = await post(
                url, body, headers(self._secret, body, at=self._wall()), deadline=DEADLINE
            )
        except DiskTrouble:
            raise
        except Busy as busy:
            why, well = busy.raw, False
        except Exception:  # a boundary: the events after it have their turn
            log.exception("Webhook event %s could not be sent", event.event)
            why = "something broke on our side"
        else:
            if answer.taken:
                self.sent += 1
                await self._outbox.taken(event.id)
                return True
            why, well = f"it answered {answer.status}", answer.status in _THIS_ONE
        await self._not_taken(event, why)
        return well

    async def _not_taken(self, event: OutboxEvent, why: str) -> None:
        """Have an event sent again later, or give it up."""
        self.failed += 1
        url, now = self._urls[event.receiver], self._clock()
        if now - event.at >= KEPT:
            self.given_up += 1
            log.error("Webhook %s never took %s, given up: %s", shown(url), event.event, why)
            await self._outbox.give_up(event.id, now)
        else:
            log.info("Webhook %s did not take %s yet: %s", shown(url), event.event, why)
            pause = backoff(event.tries, most=LATEST_AGAIN, first=AGAIN)
            await self._outbox.put_off(event.id, due_at=now + pause)

    async def _body(self, event: OutboxEvent) -> bytes | None:
        """What is sent; None while a finished clip's copy is on its way to the bucket."""
        told: dict[str, Any] = dict(event.body)
        if "job" in told:
            job = dict(told["job"])
            file, link = job.pop("file", None), None
            if file is not None and self._link is not None:
                link = await self._link(file)
                copied = State(job["state"]) in FINISHED  # before that nothing is put there
                waits = copied and self._clock() - event.at < LINK_WAIT
                if link is None and waits:
                    return None
            job["clip_url"], dies = link if link is not None else (None, None)
            job["clip_url_expires_at"] = None if dies is None else int(self._on_the_wall(dies))
            told["job"] = job
        return enveloped(event.event, event.kind, int(self._on_the_wall(event.at)), told)


def enveloped(id: str, kind: str, at: int, told: Mapping[str, Any]) -> bytes:
    """The body of an event."""
    return json.dumps({"id": id, "type": kind, "at": at, **told}, ensure_ascii=False).encode()


def headers(secret: str, body: bytes, *, at: float) -> dict[str, str]:
    """What is sent with *body* at *at* (Unix seconds)."""
    return {
        "Content-Type": "application/json",
        "Dailies-Signature": signature(secret, body, at=int(at)),
    }


async def examine(url: str, secret: str, *, at: float) -> str | None:
    """Send a `ping` event to *url*; why it was not taken, or None if it was."""
    body = enveloped(f"ping-{int(at)}", "ping", int(at), {})
    try:
        answer = await post(url, body, headers(secret, body, at=at), deadline=DEADLINE)
    except Busy as busy:
        return str(busy).rstrip(".")
    return None if answer.taken else f"it answered {answer.status}"


def waiting(backlog: Backlog, now: float) -> str:
    """'3 events wait, the oldest for 2 h; 1 was given up in the last 30 days'; "" for nothing."""
    parts = []
    if backlog.waiting and backlog.oldest is not None:
        hours = max(0.0, now - backlog.oldest) / 3600
        noun = "1 event waits" if backlog.waiting == 1 else f"{backlog.waiting:,} events wait"
        parts.append(f"{noun}, the oldest for {hours:.1f} h")
    if backlog.given_up:
        parts.append(f"{backlog.given_up:,} given up in the last 30 days")
    return "; ".join(parts)
