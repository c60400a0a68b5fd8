"""What is said of takes: the line above a clip, the board of a thread, a list."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from discord import ui

from bot.chat.recognizing import Kind
from bot.media.assemble import PIECE
from bot.words import links, money
from bot.words.clips import TITLES, made_from
from bot.words.text import elide, fits, inert
from storage import AT_WORK, FINISHED, UNMADE, Job, Relation, Take, Tally

RETAKE, EXTEND, REMOVE, FAVOURITE, SEND, APPROVE = "🔁", "⏩", "❌", "⭐", "✉️", "✅"
#: Put under every clip, to be pressed. The others work as well, for those who know them; each
#: seeded one is a request more for every clip.
SEEDED = (RETAKE, EXTEND)
SEEDED_ON_SHEETS = (RETAKE,)
ACTIONS = frozenset({*SEEDED, FAVOURITE, SEND, REMOVE, APPROVE})
LISTED = 40  #: takes that a board lists; `/video takes` pages through all of them


def lineage(job: Job, parent: Take | None, *, linked: bool = False) -> str:
    """'retake of take 1 (3 to 5 s)': how a take came from its parent; "" for a first one.

    *linked* makes the name of the parent a link to it.
    """
    if parent is None:
        return made_from(job)
    near = parent.number is not None and parent.job.thread_id == job.thread_id
    name = title_of(parent) if near else f"#{parent.job.id}"
    link = jump(parent) if linked else ""
    return made_from(job, f"[{name}]({link})" if link else name)


_CHILDREN = {
    Relation.RETAKE: "is a retake of it",
    Relation.EXTEND: "extends it",
    Relation.VARIATION: "is a variation of it",
    Relation.HDR: "is its HDR version",
    Relation.FROM: "starts from it",
}


def descent(child: Take) -> str:
    """'#3 extends it': how a take came from another one, said of that one, with a link."""
    name, link = f"#{child.job.id}", jump(child)
    relation = Relation(child.job.brief.relation or Relation.FROM)
    return f"{f'[{name}]({link})' if link else name} {_CHILDREN[relation]}"


def jump(take: Take) -> str:
    """The link to a take's newest post; "" where none stands."""
    if take.post is None:
        return ""
    return links.jump(take.job.guild_id, *take.post)


def made_here(job: Job, title: str) -> str:
    """What Dailies did itself because the provider does not; "" where it did all of it."""
    plan = job.brief.plan
    if plan is None:
        return ""
    if (job.file or "").endswith(PIECE):
        return "it couldn't be joined to the other clip, so this is only the new part"
    if plan.place == "part":
        return f"{title} can't retake parts, so Dailies made the part again and put it in"
    if plan.place == "start":
        return (
            f"{title} can't extend at the start, so the new part was made from the first frame and "
            "plays in reverse, without new sound"
        )
    return f"{title} can't extend clips, so Dailies made it from the last frame and joined it"


def title_of(take: Take) -> str:
    """'take 3', or '#42' for one without a number yet."""
    return f"take {take.number}" if take.number is not None else f"#{take.job.id}"


def line(take: Take, parent: Take | None, *, usd_per_credit: Decimal) -> str:
    """One take of a list."""
    job = take.job
    # It has its number and stands in its thread a moment before it is done: all is said at once,
    # as the tally counts it.
    made = job.state in FINISHED
    name = f"**{title_of(take) if made else f'#{job.id}'}**"
    link = jump(take) if made else ""
    parts = [f"[{name}]({link})" if link and take.hidden_by is None else name]
    if made and take.number is not None:
        parts[0] += f" (#{job.id})"
    if said := lineage(job, parent):
        parts.append(said)
    if not made:
        # Its card says how far it is; the board would need a request for each step.
        parts.append("in progress" if job.state in AT_WORK else TITLES[job.state])
    parts.append(inert(elide(" ".join(job.brief.prompt.split()), 60)))
    if job.price and job.state not in UNMADE:
        parts.append(money.price(job.price, usd_per_credit))
    parts.append(f"<@{job.user_id}>")
    if take.favourites:
        parts.append(f"{FAVOURITE} {take.favourites}" if take.favourites > 1 else FAVOURITE)
    if take.approved_by:
        parts.append(f"{APPROVE} approved")
    parts.append(away(take))
    return " · ".join(part for part in parts if part)


def away(take: Take) -> str:
    """Why a clip is not to be seen; "" where it is."""
    if take.hidden_by is not None:
        return "deleted" if take.post is None else "taken down, but not everywhere yet"
    return "file removed to free space" if take.dropped is not None else ""


def lines(
    takes: Sequence[Take], parents: Mapping[int, Take], *, usd_per_credit: Decimal
) -> list[str]:
    """A line for each take, oldest first. *parents* are what they were made from, by number."""
    return [
        line(take, parents.get(take.job.brief.parent or 0), usd_per_credit=usd_per_credit)
        for take in takes
    ]


def board(
    takes: Sequence[Take],
    parents: Mapping[int, Take],
    *,
    tally: Tally,
    approved: Sequence[Take],
    liked: Sequence[Take],
    usd_per_credit: Decimal,
) -> ui.LayoutView:
    """The message at the top of a thread: its takes, their cost, what is running.

    *takes* are the newest that were made or are in progress, *parents* what they were made from;
    *approved* and *liked* the newest that are.
    """
    head = [f"{tally.made} {'take' if tally.made == 1 else 'takes'}"]
    head.append(f"{money.price(tally.credits, usd_per_credit)} so far")
    if tally.running:
        head.append(f"{tally.running} in progress")
    if approved:
        head.append(f"approved: {_names(approved)}")
    if liked:
        head.append(f"favorites: {_names(liked)}")
    said = lines(takes, parents, usd_per_credit=usd_per_credit)
    text = ["### Takes", " · ".join(head), "", *said]
    while True:  # the newest lines that fit
        earlier = tally.made + tally.running - (len(text) - 3)
        text[2] = f"-# … and {earlier} earlier: `/video takes`"
        whole = "\n".join(text if earlier > 0 else [*text[:2], *text[3:]])
        if fits(whole, 3900) or len(text) == 3:
            break
        del text[3]
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=0x4C7DD9, id=Kind.BOARD)
    box.add_item(ui.TextDisplay(whole))
    view.add_item(box)
    view.stop()
    return view


def _names(takes: Iterable[Take]) -> str:
    return ", ".join(title_of(take) for take in takes)
