"""Who makes a job instead, once its provider has proven not to have taken it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

from bot.catalog.model import Model
from bot.errors import Busy, Failure, Refusal
from bot.providers import Provider
from storage import Brief, Job

LONG = 20.0  #: seconds of waiting after which another provider is looked for
HERE = 3  #: tries after which another provider is looked for
#: Refusals that are about our account there and not about the brief.
OURS = frozenset({Failure.CREDIT, Failure.KEY})


class Offer(Protocol):
    """Another provider's model, and what it would make."""

    @property
    def provider(self) -> Provider: ...
    @property
    def model(self) -> Model: ...
    @property
    def brief(self) -> Brief: ...


class Alternative(Protocol):
    """Finds who else may make a job that nobody has taken."""

    def __call__(self, job: Job, *, without: Collection[str]) -> Offer | None:
        """The offer, or None."""
        ...


def nobody(job: Job, *, without: Collection[str]) -> Offer | None:
    """The alternative of a deployment that has none."""
    return None


class Failover:
    """Remembers, for this process, which providers did not take a job."""

    def __init__(self, providers: Mapping[str, Provider], alternative: Alternative) -> None:
        self._providers = providers
        self._alternative = alternative
        self._tried: dict[int, set[str]] = {}

    def busy(self, job: Job, provider: Provider, busy: Busy) -> bool:
        """Note that *provider* was busy; whether it is better to go elsewhere at once."""
        waits = busy.retry_after is not None and busy.retry_after > LONG
        broken = busy.failure is not Failure.RATE and not provider.healthy
        if waits or job.tries + 1 >= HERE or broken:
            self._tried.setdefault(job.id, set()).add(job.provider)
        return self.offer(job) is not None

    def refused(self, job: Job, refusal: Refusal) -> bool:
        """Note a refusal; whether another may take the job. Never where it may be billed."""
        if refusal.billed is not False or refusal.failure not in OURS or job.chooser is None:
            return False
        self._tried.setdefault(job.id, set()).add(job.provider)
        return self.offer(job) is not None

    def offer(self, job: Job) -> Offer | None:
        """Who else may make *job*; None while it need not leave its provider, or nobody can."""
        tried = self._tried.get(job.id)
        if not tried or job.provider not in tried:
            return None
        return self._alternative(job, without=tried)

    def moved(self, job: Job, offer: Offer, *, now: float) -> Job:
        """*job* at the provider of *offer*, with a note of what that changes."""
        here = self._providers.get(job.provider)
        note = f"{here.title if here else job.provider} didn't take it"
        note = f"{note}, so {offer.provider.title} makes it"
        changed = _changes(job.brief, offer.brief)
        return replace(
            job,
            provider=offer.provider.name,
            model=offer.model.name,
            brief=offer.brief,
            note=f"{note}: {changed}." if changed else f"{note}.",
            due_at=now,
            tries=0,
        )

    def forget(self, job: Job) -> None:
        """It has ended."""
        self._tried.pop(job.id, None)


_LEFT_OUT = {
    "seed": "seed",
    "sound": "sound",
    "camera": "camera motion",
    "loras": "LoRAs",
    "last_image": "last frame",
}


def _changes(before: Brief, after: Brief) -> str:
    """'24 fps → 25 fps, no seed': what another model makes differently."""
    said = []
    for name, suffix in (("resolution", ""), ("aspect", ""), ("duration", " s"), ("fps", " fps")):
        old, new = getattr(before, name), getattr(after, name)
        if old != new and old is not None:
            said.append(f"{old}{suffix} → {new}{suffix}" if new is not None else f"no {name}")
    said += [
        f"no {words}"
        for name, words in _LEFT_OUT.items()
        if getattr(before, name) and not getattr(after, name)
    ]
    return ", ".join(said)
