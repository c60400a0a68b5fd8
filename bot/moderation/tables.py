"""What /quota, /studio and /video usage say, and the tables that they attach."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.moderation.limits import Overview, Person, Report
from bot.moderation.parked import Trouble
from bot.words.clips import TITLES, repeats
from bot.words.csv_table import as_csv
from bot.words.limits import in_words
from bot.words.links import jump
from bot.words.modes import MODE_WORDS
from bot.words.numbers import day
from bot.words.text import elide, inert, number, whole_lines
from storage import (
    Alarm,
    Grant,
    Job,
    Lane,
    Parking,
    Period,
    PromptHit,
    PromptRule,
    RefusedOrder,
    Rule,
    Server,
    Standing,
    State,
    Use,
    Whose,
)

NOW: Mapping[Period, str] = {
    Period.DAY: "today",
    Period.WEEK: "this week",
    Period.MONTH: "this month",
}
EACH: Mapping[Period, str] = {
    Period.DAY: "a day",
    Period.WEEK: "a week",
    Period.MONTH: "a month",
}
SHOWN = 15  #: lines of a list


# One person.


def usage(stand: Standing, *, usd_per_credit: Decimal, people: bool = True) -> str:
    """Where somebody stands: what is left, what runs, when it resets, and which rule says so."""
    lines = [f"**{_left(stand)}** · {_running(stand.running)}"]
    if stand.rule.amount is not None:
        lines.append(
            f"Used {NOW[stand.rule.period]}: {stand.used:,} of {in_words(stand.rule.amount)}. "
            f"Resets <t:{int(stand.resets_at)}:R>."
        )
    if stand.granted:
        lines.append(f"Extra from moderators: {in_words(stand.granted)}.")
    if stand.budget_left is not None:
        mine = math.inf if stand.left is None else stand.left + stand.granted
        words = f"Server budget: {in_words(stand.budget_left)} left."
        if stand.budget_left == stand.fits and stand.budget_left < mine:
            words += " No clip can cost more than that now."
        lines.append(words)
    if stand.all_left is not None and stand.all_left == stand.fits:
        lines.append(
            f"This bot has {in_words(stand.all_left)} left across all its servers. "
            f"Resets <t:{int(stand.all_resets_at)}:R>."
        )
    limit = rule_in_words(stand.rule)
    worth = f"-# Limit: {limit}. 1 credit is ${usd_per_credit.normalize():f}."
    return "\n".join([*lines, worth] if people else lines)


def spending(uses: Iterable[Use], days: int) -> str:
    """What somebody's clips of the last days came to."""
    uses = list(uses)
    spent = sum(each.spent for each in uses)
    held, house = sum(each.held for each in uses), sum(each.house for each in uses)
    parts = [f"{tally(uses)} in the last {days} days", f"{in_words(spent)} spent"]
    if held:
        parts.append(f"{in_words(held)} held for clips in progress")
    if house:
        parts.append(f"{in_words(house)} of it free in the slow lane")
    return " · ".join(parts)


def tally(uses: Iterable[Use]) -> str:
    """'2 clips made, 1 in progress, 1 not made'."""
    uses = list(uses)
    made, unmade = sum(each.made for each in uses), sum(each.unmade for each in uses)
    going = sum(each.clips for each in uses) - made - unmade
    parts = [f"{_clips(made)} made"]
    parts += [
        f"{count:,} {what}"
        for count, what in ((going, "in progress"), (unmade, "not made"))
        if count
    ]
    return ", ".join(parts)


def person(user_id: int, found: Person, *, usd_per_credit: Decimal) -> str:
    """What holds for one member, for a moderator."""
    lines = [f"### <@{user_id}>", usage(found.standing, usd_per_credit=usd_per_credit)]
    if found.block is not None:
        until = f" until <t:{int(found.block.until)}:D>" if found.block.until else ""
        lines.append(f"**Blocked{until}**: {plain(found.block.why) or 'no reason given'}")
    lines += [
        f"Grant of {in_words(grant.amount)} <t:{int(grant.at)}:R>: {_end_of(grant)}"
        for grant in found.grants[:5]
    ]
    return "\n".join(lines)


def _end_of(grant: Grant) -> str:
    """What is left of a grant and until when; or that it is over."""
    if not grant.ended:
        ends = f", until <t:{int(grant.expires_at)}:f>" if grant.expires_at else ""
        return f"{in_words(grant.left)} left{ends}"
    how = "withdrawn" if grant.withdrawn else "ended"
    return f"{how} <t:{int(grant.expires_at or 0)}:R>, 0 credits left"


# Limits.


def overview(found: Overview, *, usd_per_credit: Decimal) -> str:
    """A server's limits."""
    stand, server = found.standing, found.server
    lines = ["### Limits of this server"]
    if stand.budget.amount is None:
        lines.append("**Budget**: not set, so the server can spend without limit.")
    else:
        money = stand.budget_used * usd_per_credit
        lines.append(
            f"**Budget**: {stand.budget_used:,} of {in_words(stand.budget.amount)} used "
            f"{NOW[stand.budget.period]} (≈ ${money:,.2f}). "
            f"Resets <t:{int(stand.budget_resets_at)}:R>." + _past(found)
        )
    if server.paused is not None:
        lines.append(f"**Paused**: {plain(server.paused) or 'no reason given'}")
    own = [(target, rule) for target, rule in found.rules if rule.whose is not Whose.SERVER]
    if not any(rule.whose is Whose.MEMBER for _, rule in own):
        default = stand.rule if stand.rule.whose is Whose.DEFAULT else None
        if default is not None:
            lines.append(f"**Everybody**: {amount_of(default)} (this bot's default)")
    for target, rule in own[:SHOWN]:
        who = {
            Whose.USER: f"<@{target}>",
            Whose.ROLE: f"<@&{target}>",
            Whose.MEMBER: "Everybody",
        }[rule.whose]
        lines.append(f"**{who}**: {amount_of(rule)}")
    if len(own) > SHOWN:
        lines.append(f"… and {len(own) - SHOWN} more")
    for block in found.blocks[:SHOWN]:
        until = f" until <t:{int(block.until)}:D>" if block.until else ""
        lines.append(f"**Blocked**: <@{block.user_id}>{until}: {plain(block.why)}")
    lines.append(pace(server))
    return "\n".join(lines)


def _past(found: Overview) -> str:
    """What becomes of orders that the budget does not cover."""
    if found.standing.budget_left is None:
        return " Orders can go over it until then."
    if found.stuck and found.standing.budget_left:
        return f" Orders over {in_words(found.standing.budget_left)} were refused."
    return ""


def resumed(found: Overview, server: Server) -> str:
    """What resuming did, and what it did not."""
    if server.budget_open is not None and found.standing.budget_left is None:
        return "Orders are open again. They can go over the budget until it resets."
    if found.stuck:
        left = found.standing.budget_left or 0
        return (
            f"Orders are open again, but the budget has only {in_words(left)} left and refused "
            "an order. `/studio resume past_budget:True` lets orders go over it until it resets."
        )
    return "Orders are open again."


def pace(server: Server) -> str:
    """The limits that are not credits."""
    return (
        f"-# At once: {_some(server.jobs_per_user, 'clip')} per person, "
        f"{_some(server.jobs_per_server, 'clip')} in the server · "
        f"{_some(server.per_minute, 'order')} a minute, up to {server.burst} in a row · "
        f"time zone {server.zone}"
    )


def rule_in_words(rule: Rule) -> str:
    """'500 credits a day, from the role <@&5>'."""
    whose = {
        Whose.USER: "for this person",
        Whose.ROLE: f"from the role <@&{rule.role_id}>",
        Whose.MEMBER: "for all members of this server",
        Whose.SERVER: "for the whole server",
        Whose.DEFAULT: "this bot's default",
    }[rule.whose]
    return f"{amount_of(rule)}, {whose}"


# Records.


def report(found: Report, *, usd_per_credit: Decimal) -> str:
    """A report's totals and who spent most."""
    uses = found.uses
    head = f"### {day(found.first)} to {day(found.last)}"
    if not uses:
        return f"{head}\nNothing was ordered."
    total = {
        name: sum(getattr(each, name) for each in uses)
        for name in ("spent", "held", "house", "lost", "suspense")
    }
    money = (total["spent"] + total["lost"]) * usd_per_credit
    lines = [head, f"**{tally(uses)} · {in_words(total['spent'])} (≈ ${money:,.2f})**"]
    extra = {
        "held": "held for clips in progress",
        "house": "free in the slow lane",
        "lost": "billed for failed clips, charged to no member",
        "suspense": "not settled yet (see `/studio unclear`)",
    }
    lines += [f"{in_words(total[name])} {words}" for name, words in extra.items() if total[name]]
    people = by(uses, "user_id")
    lines += [
        f"{place}. {f'<@{who}>' if who else 'deleted users'}: {in_words(spent)} · {_clips(clips)}"
        for place, (who, clips, spent) in enumerate(people[:8], start=1)
    ]
    makers: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in uses:
        clips, spent = makers[each.provider, each.model]
        makers[each.provider, each.model] = clips + each.made, spent + each.spent + each.held
    for (provider, model), (clips, spent) in sorted(makers.items(), key=lambda each: -each[1][1]):
        lines.append(f"-# {provider} · {plain(model)}: {in_words(spent)} · {_clips(clips)}")
    return whole_lines("\n".join(lines), 1900)


def by(uses: Iterable[Use], field: str) -> list[tuple[Any, int, int]]:
    """Clips made and credits (spent or held) for each value of *field*, most credits first."""
    found: dict[Any, tuple[int, int]] = {}
    for each in uses:
        clips, spent = found.get(getattr(each, field), (0, 0))
        found[getattr(each, field)] = clips + each.made, spent + each.spent + each.held
    ranked = sorted(found.items(), key=lambda each: (-each[1][1], -each[1][0], str(each[0])))
    return [(value, clips, spent) for value, (clips, spent) in ranked]


# Tables.


def uses_csv(uses: Iterable[Use]) -> bytes:
    """A report as a table: one line a day, person, provider and model."""
    return as_csv([{**asdict(each), "day": each.day.isoformat()} for each in uses])


def uses_json(found: Report) -> bytes:
    """A report as JSON."""
    rows = [{**asdict(each), "day": each.day.isoformat()} for each in found.uses]
    body = {"first": found.first.isoformat(), "last": found.last.isoformat(), "uses": rows}
    return json.dumps(body, indent=1, default=str).encode()


def jobs_csv(jobs: Iterable[Job], spent: Mapping[int, int]) -> bytes:
    """One's own clips as a table; *spent* are the credits that the ledger says each cost."""
    return as_csv(
        [
            {
                "clip": job.id,
                "ordered": _when(job.created_at),
                "state": str(job.state),
                "provider": job.provider,
                "model": job.model,
                "kind": MODE_WORDS[job.brief.mode],
                "seconds": job.brief.duration or "",
                "resolution": job.brief.resolution or "",
                "seed": "" if job.brief.seed is None else job.brief.seed,
                "price": job.price,
                "spent": spent.get(job.id, 0),
                "prompt": job.brief.prompt,
            }
            for job in jobs
        ]
    )


# Asking and telling moderators.


def request(refused: RefusedOrder, *, usd_per_credit: Decimal, prompt: bool = True) -> str:
    """The card that asks moderators for help. *prompt*: whether it quotes the prompt."""
    wanted = refused.wanted
    brief = wanted.brief
    size = " · ".join(
        str(each)
        for each in (
            brief.resolution,
            f"{brief.duration} s" if brief.duration else None,
            f"{wanted.takes} takes" if wanted.takes > 1 else None,
        )
        if each
    )
    limit = "the server's budget" if refused.why == "budget" else "their quota"
    money = wanted.price * usd_per_credit
    return "\n".join(
        [
            f"### A clip over {limit}",
            (
                f"<@{refused.user_id}> asks for {in_words(wanted.price)} (≈ ${money:,.2f}) "
                f"in <#{refused.channel_id}>: {plain(wanted.model)} · {size}"
            ),
            *([f"> {plain(elide(' '.join(brief.prompt.split()), 300))}"] if prompt else []),
        ]
    )


def alarm(due: Alarm, *, usd_per_credit: Decimal) -> str:
    """What moderators are told when a share of the budget is used."""
    amount = due.budget.amount or 0
    now = NOW[due.budget.period]
    money = due.used * usd_per_credit
    used = f"Used {now}: {due.used:,} of {in_words(amount)} (≈ ${money:,.2f})"
    if due.percent < 100:
        return f"### {due.percent}% of the budget is used\n{used}."
    return (
        f"### The budget is used up\n{used}. Orders that cost more than what is left are refused "
        f"until it resets <t:{int(due.resets_at)}:R>, or until you press **Resume**."
    )


# Orders.


def waiting_line(job: Job, stands: str) -> str:
    """One job of the moderators' queue."""
    lane = "" if job.lane is Lane.FAIR else f" · {job.lane} lane"
    words = plain(elide(" ".join(job.brief.prompt.split()), 60))
    return f"**#{job.id}** {stands}{lane} · {in_words(job.price)} · <@{job.user_id}>\n-# {words}"


UNDELIVERED = (
    "### Made, not posted\nThese clips are kept here. Dailies tries to post them at least once an "
    "hour."
)
_WAITS = {
    State.UNCLEAR: (
        "❓",
        "needs a decision",
        (
            "The provider may have taken it, so Dailies doesn't send it again: you could pay "
            "twice. Its credits are on hold until a moderator decides."
        ),
    ),
    State.REVIEW: (
        "🔎",
        "needs a decision",
        (
            "Something broke that only a person can judge. Its credits are on hold until a "
            "moderator decides."
        ),
    ),
    State.UNDELIVERED: (
        "📦",
        "was made but couldn't be posted",
        "The clip is kept here. Dailies tries to post it at least once an hour.",
    ),
}
_DECIDED = {
    "check again": "checked it again",
    "retry": "ordered it again",
    "close": "closed it",
    "post": "posted it again",
}


def waiting(job: Job) -> str:
    """What moderators are told when a job comes to wait for them."""
    sign, what, why = _WAITS[job.state]
    where = job.thread_id or job.card_channel_id or job.channel_id
    link = jump(job.guild_id, where)
    if job.card_id is not None and job.card_channel_id is not None:
        link = jump(job.guild_id, job.card_channel_id, job.card_id)
    return f"### {sign} #{job.id} {what}\n{parked_line(job)}\n{why} {link}"


def decided(job: Job, parking: Parking) -> str:
    """What moderators read once a job does not wait for them any more."""
    sign, what, _ = _WAITS[parking.state]
    head = f"### {sign} #{job.id} {what}\n<@{job.user_id}> · {plain(job.provider)}"
    if parking.by is not None:
        did = _DECIDED.get(parking.what, "decided")
        return f"{head}\n✅ <@{parking.by}> {did}."
    if parking.state is State.UNDELIVERED and job.state is State.DONE:
        where = job.thread_id or job.channel_id
        link = jump(job.guild_id, where, job.result_id)
        return f"{head}\n✅ Posted <t:{int(job.since)}:R>: {link}"
    return f"{head}\n✅ It continued on its own: {TITLES[job.state]}."


def parked_line(job: Job) -> str:
    """One job that waits for a decision."""
    return (
        f"**#{job.id}** <@{job.user_id}> · {plain(job.provider)} · {in_words(job.price)} · "
        f"<t:{int(job.since)}:R>\n-# {plain(job.error or '')}{_link(job)}{_sent(job)}"
    )


def _link(job: Job) -> str:
    """Where the clip of a parked job lies, as its provider said."""
    url = job.result_url or ""
    if not url.startswith("https://") or re.search(r"[\s<>)]", url) or len(url) > 500:
        return ""
    return f"\n-# [its provider's link](<{url}>)"


def _sent(job: Job) -> str:
    words = repeats(job, job.provider)
    return f"\n-# It {plain(words)}" if words else ""


def trouble_head(found: Trouble) -> str:
    """What stands above the list of /studio unclear."""
    if not found.jobs and not found.suspense:
        return "Nothing needs a decision."
    return (
        "### Waiting for a decision\nA provider may have taken these orders, or something broke. "
        "Dailies sends none of them again, because you could pay twice."
    )


def prompt_rules(rules: Sequence[PromptRule], hits: Sequence[PromptHit]) -> str:
    """A server's prompt rules, and who met them."""
    lines = ["### Prompt rules"]
    if not rules:
        lines.append(
            "There are none. A word or phrase matches as whole words, in any case. A pattern is "
            "an RE2 regular expression."
        )
    lines += [f"`{rule.id}` {rule.kind}: {plain(rule.text)}" for rule in rules[:40]]
    if hits:
        lines.append("**Recent matches** (only the person was told, at no charge)")
    for hit in hits:
        who = f"<@{hit.user_id}>" if hit.user_id else "a deleted user"
        lines.append(f"<t:{int(hit.at)}:f> {who} in <#{hit.channel_id}>: {plain(hit.rule)}")
    return "\n".join(lines)


def plain(text: str) -> str:
    """*text* on one line, without markdown, mentions or links."""
    return inert(" ".join(text.split()))


def amount_of(rule: Rule) -> str:
    """'500 credits a day'."""
    if rule.amount is None:
        return "unlimited credits"
    return f"{in_words(rule.amount)} {EACH[rule.period]}"


def _left(stand: Standing) -> str:
    if stand.left is None:
        return "No limit of your own"
    return f"{in_words(stand.left + stand.granted)} left"


def _running(count: int) -> str:
    return f"{_clips(count)} in progress"


def _clips(count: int) -> str:
    return f"{count:,} clip{'' if count == 1 else 's'}"


def _some(limit: float | None, what: str) -> str:
    return f"unlimited {what}s" if limit is None else _counted(limit, what)


def _counted(count: float, what: str) -> str:
    """'1 clip', '1.5 clips'."""
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
