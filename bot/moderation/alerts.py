"""Which trouble of the deployment is to be told where. Each is told once; the database decides."""

from collections.abc import Collection

from bot.words import alerts as words
from storage import Alert, AlertKind, Chore, Phase, Store, Telling

#: What the members of each server feel: no orders are taken, or a provider makes no clips.
FELT = frozenset({AlertKind.KEY, AlertKind.CREDIT, AlertKind.DOWN, AlertKind.BOOKS, AlertKind.DISK})
#: What moderators are told of with each clip, in a message of its own.
TOLD_APART = frozenset({AlertKind.WAITING})


class DeploymentAlerts:
    """What the operator's channel, and those of moderators, have yet to be told."""

    def __init__(self, store: Store, *, operator_channel: int | None) -> None:
        self._alerts = store.alerts
        self._sharing = store.sharing
        self._operator_channel = operator_channel
        self._on_the_wall = store.clock.on_the_wall

    async def due(self, there: Collection[int]) -> list[Telling]:
        """The messages that are to be posted, where the bot is in the servers *there*."""
        channels = await self._channels(there)
        found = await self._alerts.due(channels)
        if self._sharing.count == 1:
            return found
        # That something is over is told where its beginning was, by whoever tells that channel.
        ours = {channel_id for channel_id, _ in channels}
        return [each for each in found if each.channel_id in ours]

    async def _channels(self, there: Collection[int]) -> list[tuple[int, str]]:
        """Which channel is told of which kind.

        The operator's hears of everything. Moderators hear of what their members feel; those of
        the only server, while there is no channel of the operator's, of everything.
        """
        found: dict[tuple[int, str], None] = {}
        if self._operator_channel is not None and self._sharing.does(Chore.ALERTS):
            found.update(dict.fromkeys((self._operator_channel, kind) for kind in AlertKind))
        whole = self._sharing.count == 1  # else there are other servers elsewhere
        alone = self._operator_channel is None and len(there) == 1 and whole
        kinds = frozenset(AlertKind) - TOLD_APART if alone else FELT
        for guild_id, channel_id in await self._alerts.moderators():
            if guild_id in there:
                found.update(dict.fromkeys((channel_id, kind) for kind in sorted(kinds)))
        return list(found)

    async def tried(self, telling: Telling) -> None:
        """Note that a message is about to be posted."""
        await self._alerts.tried(telling)

    async def told(self, telling: Telling, message_id: int) -> None:
        """Note that it stands there."""
        await self._alerts.told(telling, message_id)

    def said(self, telling: Telling) -> str:
        """What the message says."""
        if telling.phase is Phase.OVER:
            return words.over(telling.alert)
        return words.began(telling.alert, since=self._on_the_wall(telling.alert.at))

    @staticmethod
    def mark(telling: Telling) -> str:
        """How the message begins, and no other."""
        alert: Alert = telling.alert
        if telling.phase is Phase.OVER:
            return words.over_mark(alert)
        return words.began_mark(alert)
