"""The pages of /studio setup, and what each says of how a server is set up now."""

from collections.abc import Sequence
from enum import StrEnum

from bot.moderation.limits import Overview
from bot.moderation.tables import amount_of, pace
from bot.words.limits import in_words
from bot.words.text import elide


class Page(StrEnum):
    """A page of the panel, by what it is about."""

    WHERE = "where"
    WHO = "who"
    MONEY = "money"
    QUEUE = "queue"


ABOUT = {
    Page.WHERE: "where it works",
    Page.WHO: "who makes clips, and who decides",
    Page.MONEY: "what it may cost, and what you hear of it",
    Page.QUEUE: "who goes first",
}
_CHANGED_BY = {
    "anyone": "everybody",
    "requester": "the requester and moderators",
    "moderators": "moderators",
}


def setup(found: Overview, offers: Sequence[str], page: Page) -> str:
    """What stands above the menus of a page. *offers* are the names of all providers."""
    lines = {Page.WHERE: _where, Page.WHO: _who, Page.MONEY: _money, Page.QUEUE: _queue}
    head = f"### Setup: {ABOUT[page]}"
    return elide("\n".join([head, *lines[page](found, offers)]), 2500)


def _where(found: Overview, _offers: Sequence[str]) -> list[str]:
    server = found.server
    places = ", ".join(f"<#{each}>" for each in sorted(server.channels)) or "everywhere"
    asked = f"<#{server.moderators}>" if server.moderators else "**not chosen yet**"
    gather = f"<#{server.favourites}>" if server.favourites else "none"
    posted = "in a thread of their own" if server.threads else "in the channel, without threads"
    return [
        f"Channels for orders: {places}",
        f"Moderator channel: {asked}",
        f"Favorites channel: {gather}",
        f"Clips are posted {posted}",
    ]


def _who(found: Overview, offers: Sequence[str]) -> list[str]:
    server = found.server
    on = ", ".join(each for each in offers if each not in server.providers_off) or "none"
    default = " · ".join(each for each in (server.provider, server.model) if each)
    approve = f"<@&{server.reviewers}> and moderators" if server.reviewers else "moderators"
    return [
        f"Providers: {on} · default: {default or 'the cheapest that fits'}",
        f"Who can retake or extend a clip: {_CHANGED_BY[server.changed_by]}",
        f"Takes approved by: {approve}",
    ]


def _money(found: Overview, _offers: Sequence[str]) -> list[str]:
    server = found.server
    confirm = "never" if server.confirm_above is None else f"above {in_words(server.confirm_above)}"
    digest = "off" if server.digest_hour is None else f"at {server.digest_hour:02}:00"
    if server.digest_hour is not None and server.moderators is None:
        digest += ", but there is no moderator channel yet (page **Where**)"
    return [
        f"Server budget: {amount_of(found.standing.budget)}",
        f"Ask before an order: {confirm}",
        f"Daily digest for moderators: {digest}",
        pace(server),
    ]


def _queue(found: Overview, _offers: Sequence[str]) -> list[str]:
    server = found.server
    roles = ", ".join(f"<@&{each}>" for each in sorted(server.priority_roles)) or "nobody"
    return [
        f"First in the queue: {roles}",
        f"Free slow lane after the quota: {'on' if server.slow_lane else 'off'}",
        pace(server),
        "-# `/quota limits` sets how many clips are made at once.",
    ]
