"""Who is next where a provider is full: lane by lane, and in a lane people take turns."""

from bisect import bisect_left, insort
from collections import Counter

from storage import Job, Key, Lane

RANK = {Lane.FRONT: 0, Lane.PRIORITY: 1, Lane.FAIR: 2, Lane.SLOW: 3}

Person = tuple[int, int]  #: server and user


class FairQueue:
    """The jobs that wait for one provider.

    A person's first waiting job comes before anybody's second, and one who has jobs at work
    there already counts as having had that many turns. Between equal turns the older job is
    first. A change costs what its person has waiting, not what everybody has.
    """

    def __init__(self) -> None:
        self._keys: dict[int, Key] = {}
        self._jobs: dict[int, Job] = {}
        self._order: list[Key] = []
        self._waiting: dict[Person, set[int]] = {}
        self._working: Counter[Person] = Counter()
        self._at_work: dict[int, Person] = {}

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def __len__(self) -> int:
        return len(self._jobs)

    def join(self, job: Job) -> bool:
        """Wait, in the place that its lane gives. False where that changes nothing."""
        known = self._jobs.get(job.id)
        if known is not None and known.lane is job.lane:
            return False
        self._jobs[job.id] = job
        self._waiting.setdefault(_person(job), set()).add(job.id)
        self._place(_person(job))
        return True

    def leave(self, job_id: int) -> bool:
        """Wait no more. False for one that did not."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return False
        person = _person(job)
        self._forget_key(job_id)
        self._waiting[person].discard(job_id)
        self._place(person)
        if not self._waiting[person]:
            del self._waiting[person]
        return True

    def at_work(self, job: Job) -> None:
        """Count *job* as one that its person has there."""
        if job.id not in self._at_work:
            self._at_work[job.id] = _person(job)
            self._working[_person(job)] += 1
            self._place(_person(job))

    def finished(self, job_id: int) -> None:
        """Count it no more."""
        person = self._at_work.pop(job_id, None)
        if person is not None:
            self._working[person] -= 1
            self._place(person)

    def first(self, count: int) -> list[Job]:
        """As many of those who are next."""
        return [self._jobs[job_id] for _, _, job_id in self._order[: max(0, count)]]

    def keys(self) -> dict[int, Key]:
        """What each job that waits is sorted by."""
        return dict(self._keys)

    def key(self, job: Job) -> Key:
        """What *job* is sorted by, or would be if it came now."""
        key = self._keys.get(job.id)
        if key is None:
            mine = [self._jobs[each] for each in self._waiting.get(_person(job), ())]
            earlier = sum(_age(each) < _age(job) for each in mine)
            key = RANK[job.lane], self._working[_person(job)] + earlier, job.id
        return key

    def position(self, job: Job) -> int:
        """Where *job* stands, or would if it came now; 1 is next."""
        return bisect_left(self._order, self.key(job)) + 1

    def reason(self, job: Job, *, elsewhere: bool = False) -> str:
        """Why *job* stands where it stands, for its card. *elsewhere*: others wait with it there,
        in other servers."""
        match self._jobs.get(job.id, job).lane:
            case Lane.FRONT:
                return "a moderator moved it to the front"
            case Lane.PRIORITY:
                return "this role goes first"
            case Lane.SLOW:
                return "slow lane: the quota is used up, so this is free and others go first"
            case _ if elsewhere:
                return "people in several servers are taking turns"
            case _ if len(self._waiting) > 1:
                return f"{len(self._waiting)} people are taking turns"
            case _:
                return "waiting for the provider to take another clip"

    def _place(self, person: Person) -> None:
        """Give a person's jobs their turns anew."""
        mine = [self._jobs[each] for each in self._waiting.get(person, ())]
        for turn, job in enumerate(sorted(mine, key=_age), start=self._working[person]):
            self._forget_key(job.id)
            self._keys[job.id] = key = RANK[job.lane], turn, job.id
            insort(self._order, key)

    def _forget_key(self, job_id: int) -> None:
        key = self._keys.pop(job_id, None)
        if key is not None:
            del self._order[bisect_left(self._order, key)]


def _age(job: Job) -> tuple[int, int]:
    return RANK[job.lane], job.id


def _person(job: Job) -> Person:
    return job.guild_id, job.user_id
