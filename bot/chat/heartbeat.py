"""How long ago Discord's gateway last answered a heartbeat of ours.

discord.py's own `latency` is that of the last answer, and stays as it was when none comes any more.
"""

import time
from dataclasses import dataclass

import discord


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The pulse of a connection."""

    every: float  #: seconds between two heartbeats, as Discord asked for
    answered_ago: float  #: seconds
    latency: float  #: seconds that the last answer took


def heartbeat(client: discord.Client) -> Heartbeat | None:
    """The pulse of *client*'s connection; None where there is none. Of several that are open, the
    one that was answered longest ago."""
    if isinstance(client, discord.AutoShardedClient):
        beats = [_beat(each._parent.ws) for each in client.shards.values() if not each.is_closed()]  # noqa: SLF001
        return max(filter(None, beats), key=lambda beat: beat.answered_ago, default=None)
    return _beat(client.ws)


def _beat(socket: discord.gateway.DiscordWebSocket | None) -> Heartbeat | None:
    # Typed as always there; it is not before the first connection.
    keeper = getattr(socket, "_keep_alive", None)  # nothing public tells; a test looks for it
    if keeper is None:
        return None
    answered: float = keeper._last_ack  # noqa: SLF001
    return Heartbeat(
        every=keeper.interval,
        answered_ago=max(0.0, time.perf_counter() - answered),
        latency=keeper.latency,
    )
