"""Who may see a clip, build on it, or decide about it."""

from bot.errors import Refusal
from bot.orders.requester import Requester


def require(place: Requester) -> None:
    """Refuse whoever may not manage the server."""
    if not place.moderator:
        raise Refusal("Only moderators can do this: people who may manage this server.")
