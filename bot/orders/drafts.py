"""What an order is before it is admitted: a draft for each of its takes, and what it builds on."""

from collections.abc import Mapping
from dataclasses import replace

from bot.orders.inputs import Source
from bot.orders.quote import AUTO
from bot.orders.requester import Requester
from storage import Brief, Input, Job


def draft_of(
    brief: Brief,
    *,
    requester: Requester,
    request: str,
    provider: str | None,
    at: float,
    price: int = 0,
) -> Job:
    """What somebody asks for, before it is decided who makes it and what it costs."""
    return Job(
        id=0,
        request=request,
        guild_id=requester.guild_id,
        channel_id=requester.channel_id,
        user_id=requester.user_id,
        provider=provider or AUTO,
        model="",
        brief=brief,
        price=price,
        created_at=at,
        since=at,
        due_at=at,
    )


def drafts_of(draft: Job, takes: int) -> list[Job]:
    """*draft*, and so many takes of it in all: each is a request of its own."""
    more = [f"{draft.request}/{number}" for number in range(2, takes + 1)]
    return [draft, *(replace(draft, request=each) for each in more)]


def given_in(brief: Brief) -> list[Input]:
    """What a brief starts from: its inputs, and the clip that what is made is put into."""
    whole = brief.plan.clip if brief.plan is not None else None
    given = (brief.image, brief.last_image, brief.audio, brief.video, whole)
    return [each for each in given if each is not None]


def built_on_by(brief: Brief, sources: Mapping[str, Source]) -> list[int]:
    """The takes that a brief makes something new of."""
    takes = [each.take for each in given_in(brief)] + [each.take for each in sources.values()]
    return [*dict.fromkeys(each for each in (brief.parent, *takes) if each is not None)]
