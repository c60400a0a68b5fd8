"""A studio without a deployment around it."""

from bot.errors import Refusal
from bot.events import Events
from bot.jobs.tracker import Tracker
from bot.orders.orders import Studio


class Disk:
    """A disk on which every file is, and that can be full."""

    def __init__(self):
        self.full = False

    def check(self):
        if self.full:
            raise Refusal("The disk is nearly full.")

    async def at_hand(self, file):
        return file


def studio_of(store, providers, *, events=None, tracker=None, disk=None, **options):
    """A studio that shares what is given with a worker, and has the rest to itself."""
    events = events or Events()
    return Studio(
        store,
        providers,
        events=events,
        tracker=tracker or Tracker(store, providers, events),
        disk=disk or Disk(),
        **options,
    )
