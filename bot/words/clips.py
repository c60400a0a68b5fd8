"""What is said of a clip: its settings, where it came from, its names."""

from collections.abc import Mapping

from bot.words.modes import MODE_WORDS
from bot.words.money import price as price
from bot.words.text import elide as elide
from bot.words.text import inert as inert
from bot.words.text import number
from storage import Brief, Job, Mode, Relation, State

PROMPT_ON_CARD = 350  #: characters; `/video show` has the whole

ALT_TEXT = 1024  #: characters that Discord keeps of a description

THREAD_NAME = 100

#: What an extension at the start is that is made here, wherever it is offered or shown.
BACKWARDS = "made from the first frame and played in reverse, without new sound"

TITLES: Mapping[State, str] = {
    State.QUEUED: "Queued",
    State.SUBMITTING: "Sent to the provider",
    State.UNCLEAR: "On hold",
    State.RENDERING: "Rendering",
    State.FETCHING: "Saving",
    State.DELIVERING: "Posting",
    State.REVIEW: "On hold",
    State.DONE: "Done",
    State.UNDELIVERED: "Made, not posted",
    State.FAILED: "Failed",
    State.CANCELLED: "Canceled",
    State.EXPIRED: "Took too long",
    State.CLOSED: "Closed",
}

_RELATIONS = {
    Relation.RETAKE: "retake of",
    Relation.EXTEND: "extends",
    Relation.VARIATION: "variation of",
    Relation.HDR: "HDR of",
    Relation.FROM: "from",
}


def made_from(job: Job, name: str | None = None) -> str:
    """'retake of #12 (3 to 5 s)'; "" for what came from no other. *name* is its parent's."""
    brief = job.brief
    if brief.parent is None or brief.relation is None:
        return ""
    words = f"{_RELATIONS[Relation(brief.relation)]} {name or f'#{brief.parent}'}"
    plan = brief.plan
    if plan is not None and plan.place == "part":
        return f"{words} ({number(plan.start)}–{number(plan.start + (plan.seconds or 0))} s)"
    if brief.mode is Mode.RETAKE and brief.duration is not None:
        start = brief.start or 0.0
        length = brief.video.seconds if brief.video and brief.video.seconds else brief.duration
        return (
            f"{words} ({number(start)}–{number(min(start + brief.duration, round(length, 1)))} s)"
        )
    if brief.duration and (plan is not None or brief.mode is Mode.EXTEND):
        if brief.relation != Relation.EXTEND:
            return f"{words} ({added(brief)})"
        end = plan.place if plan is not None else brief.direction or "end"
        return f"{words} by {brief.duration} s at the {end}"
    return words


def added(brief: Brief) -> str:
    """'the 2 s at the end': what an extension adds."""
    end = brief.plan.place if brief.plan is not None else brief.direction or "end"
    return f"the {brief.duration} s at the {end}"


def length(job: Job) -> float | None:
    """How many seconds the clip of *job* lasts, as far as its order says; more than it has made
    where it is a part of another."""
    brief, plan = job.brief, job.brief.plan
    before = plan.clip if plan is not None else brief.video
    if before is None or before.seconds is None:
        return brief.duration if brief.seconds is None else brief.seconds
    whole = brief.mode in (Mode.RETAKE, Mode.HDR) if plan is None else plan.place == "part"
    return before.seconds if whole else before.seconds + (brief.duration or 0)


def late(job: Job) -> str:
    """What is said of a clip that could not be posted when it was ready; "" for any other."""
    if job.state is not State.UNDELIVERED:
        return ""
    return f"ready since <t:{int(job.since)}:R>, posted late"


def poster_name(job: Job) -> str:
    """What the file is called that stands for a clip."""
    return f"dailies-{job.id}.jpg"


def alt_text(job: Job) -> str:
    """What a clip shows, for people who cannot see it: its prompt."""
    if not job.brief.prompt:
        return f"A clip: {MODE_WORDS[job.brief.mode]}"
    return elide(f"A clip made from: {job.brief.prompt}", ALT_TEXT)


def thread_name(job: Job) -> str:
    """What the thread of *job* is called."""
    words = " ".join(job.brief.prompt.split()) or MODE_WORDS[job.brief.mode]
    return elide(f"#{job.id} {words}", THREAD_NAME)


def repeats(job: Job, title: str) -> str:
    """'was sent 3 times: …'; "" where its provider took it, or refused it, at once."""
    if not job.repeats:
        return ""
    first = "the first time" if job.repeats == 1 else f"the first {job.repeats} times"
    return (
        f"was sent {job.repeats + 1} times: {title} said “not now” {first}. Its documents say "
        "those are free. Its list of charges will show it."
    )


def settings_line(job: Job, seconds: float | None = None) -> str:
    """'ltx-2-3-fast · 1080p 16:9 · 8 s · 24 fps · seed 7 · sound'; where its model makes other
    sizes than the words say, the pixels.

    *seconds* is how long its clip is, once that was measured.
    """
    brief = job.brief
    parts = [job.model, *extent(job, seconds)]
    if brief.fps:
        parts.append(f"{brief.fps} fps")
    if brief.seed is not None:
        parts.append(f"seed {brief.seed}")
    if brief.camera:
        parts.append(brief.camera.replace("_", " "))
    if brief.sound is not None:
        parts.append("sound" if brief.sound else "silent")
    return " · ".join(inert(part) for part in parts)


def extent(job: Job, seconds: float | None = None) -> list[str]:
    """['1080p 16:9', '8 s']: how large and how long a clip is, as far as either is known."""
    brief, parts = job.brief, []
    if brief.size is not None:
        parts.append(brief.size.replace("x", "×"))
    elif size := " ".join(each for each in (brief.resolution, brief.aspect) if each):
        parts.append(size)
    if seconds := seconds or length(job):
        digits = 1 if brief.seconds is None else 2
        parts.append(f"{number(round(seconds, digits))} s")
    return parts


def quoted(job: Job, *, limit: int = PROMPT_ON_CARD) -> str:
    """The prompt as a quotation that can neither ping nor break out of it; "" without one."""
    if not job.brief.prompt:
        return ""
    lines = inert(elide(job.brief.prompt, limit)).split("\n")
    return "\n".join(f"> {line}" for line in lines[:12])
