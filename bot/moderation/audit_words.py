"""What `/quota audit` says of each change: its deed and its settings in words, not in keys."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.moderation.limits import AUDITED
from bot.words.text import elide, inert, number, one_line, typed
from storage import NO_LIMIT, Change

LINE = 320  #: characters of one change

_DEEDS: Mapping[str, str] = {
    "rule": "set a quota",
    "budget": "set the budget",
    "server": "changed settings",
    "grant": "granted credits",
    "withdraw": "withdrew a grant",
    "reset": "reset a quota",
    "block": "blocked",
    "unblock": "unblocked",
    "deny": "refused a clip",
    "suspense": "settled an unknown bill",
    "prompt rule": "changed the prompt rules",
    "preset": "changed the presets",
    "defaults": "changed the defaults",
    "lane": "changed the order of the queue",
    "cancel": "canceled",
    "take down": "took down",
    "bring back": "brought back",
    "check again": "checked again with the provider",
    "retry": "ordered again",
    "close": "closed",
    "post": "posted again",
}
_CHANGED_BY = {
    "anyone": "everybody",
    "requester": "the requester and moderators",
    "moderators": "moderators",
}


def audit(changes: Sequence[Change]) -> str:
    """A page of the audit, newest first."""
    if not changes:
        return "Nothing was changed here yet."
    return "\n".join(["### Who changed what", *map(_line, changes[:AUDITED])])


def _line(change: Change) -> str:
    actor = f"<@{change.actor_id}>" if change.actor_id else "a deleted user"
    whom = f" <@{change.user_id}>" if change.user_id else ""
    whom += f" <@&{change.role_id}>" if change.role_id else ""
    deed = _DEEDS.get(change.what, inert(one_line(change.what)))
    why = f" — {inert(one_line(change.why))}" if change.why else ""
    what = _changed(change.before, change.after)
    return elide(f"<t:{int(change.at)}:f> {actor} **{deed}**{whom}{what}{why}", LINE)


def _changed(before: Any, after: Any) -> str:
    """': 100 credits a day → 200 credits a day', from what the audit holds."""
    if isinstance(before, dict) and isinstance(after, dict) and "period" not in after:
        same = {name for name, value in after.items() if name in before and before[name] == value}
        after = {name: value for name, value in after.items() if name not in same}
    old, new = _said(before), _said(after)
    if not old and not new:
        return ""
    return f": {old} → {new or 'nothing'}" if old and old != new else f": {new}"


def _said(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else inert(one_line(str(value)))
    parts = []
    rest = dict(value)
    if "period" in rest:
        parts.append(_quota(rest.pop("amount", None), rest.pop("period")))
    if "kind" in rest and "text" in rest:
        parts.append(f"{rest.pop('kind')} {typed(str(rest.pop('text')), 200)}")
    for name, each in rest.items():
        if each is not None:
            label, say = _SETTINGS.get(name, (inert(name.replace("_", " ")), _plain))
            parts.append(f"{label} {say(each)}".strip())
    return ", ".join(parts)


def _quota(amount: int | None, period: Any) -> str:
    return "no limit" if amount is None else f"{_credits(amount)} a {period}"


def _credits(amount: Any) -> str:
    return f"{int(amount):,} credit{'' if amount == 1 else 's'}"


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else inert(one_line(str(value)))


def _limit(value: Any) -> str:
    return "unlimited" if value == NO_LIMIT else _plain(value)


def _moment(value: Any) -> str:
    return f"<t:{int(value)}:f>"


def _channel(value: Any) -> str:
    return f"<#{value}>"


def _role(value: Any) -> str:
    return f"<@&{value}>"


def _listed(each: Callable[[Any], str], none: str) -> Callable[[Any], str]:
    return lambda value: ", ".join(map(each, json.loads(value))) or none


def _models(value: Any) -> str:
    chosen = json.loads(value).items()
    return "; ".join(
        f"<#{channel}>: {' · '.join(_plain(each) for each in pair if each)}"
        for channel, pair in chosen
    )


#: What each field of a change is called, and how its value reads.
_SETTINGS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "amount": ("", _credits),
    "used": ("used:", _credits),
    "price": ("for", _credits),
    "job": ("clip", lambda value: f"#{value}"),
    "attempt": ("try", _plain),
    "expires_at": ("until", _moment),
    "until": ("until", _moment),
    "lane": ("in the lane", _plain),
    "zone": ("time zone", _plain),
    "jobs_per_user": ("clips at once per person:", _limit),
    "jobs_per_server": ("clips at once in the server:", _limit),
    "per_minute": ("orders a minute:", _limit),
    "burst": ("orders in a row:", _plain),
    "paused": ("orders paused:", _plain),
    "budget_open": ("orders can go over the budget of", _plain),
    "moderators": ("moderator channel:", _channel),
    "channels": ("channels for orders:", _listed(_channel, "every channel")),
    "provider": ("provider", _plain),
    "model": ("model", _plain),
    "channel_models": ("channel models:", _models),
    "providers_off": ("providers turned off:", _listed(_plain, "none")),
    "changed_by": (
        "who can build on clips:",
        lambda value: _CHANGED_BY.get(value, _plain(value)),
    ),
    "slow_lane": ("free slow lane", lambda value: "on" if value else "off"),
    "priority_roles": ("first in the queue:", _listed(_role, "nobody")),
    "confirm_above": ("asks before orders over", _credits),
    "favourites": ("favorites channel:", _channel),
    "reviewers": ("takes approved by", _role),
    "threads": ("clips are posted", lambda value: "in threads" if value else "in the channel"),
    "in_channel": ("in", _channel),
    "resolution": ("size", _plain),
    "duration": ("length", lambda value: f"{value} s"),
    "sound": ("sound", lambda value: "on" if value else "off"),
    "digest_hour": ("daily digest at", lambda value: f"{value:02}:00"),
    "billed": ("billed:", lambda value: "yes" if value else "no"),
}
