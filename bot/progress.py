"""What is known of a job beyond its row: its place in the queue, how far it is, when it ends."""

from dataclasses import dataclass

MOST = 0.99  #: the share that an estimate ends at: that all is done, the provider says


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of a live job and not worth writing down."""

    position: int | None = None  #: 1 is next
    waiting: int | None = None  #: how many wait for the same provider
    why_waiting: str = ""  #: why it stands there, where that needs words
    waits_there: bool = False  #: the provider has it, and has not begun
    says: str = ""  #: what the provider does just now, in its words: "gpu1: sampling 3 of 8"
    fraction: float | None = None  #: 0 to 1, as the provider says
    began_at: float | None = None  #: when the provider began, to print
    ready_at: float | None = None  #: an estimate from this deployment's own history, to print
    slow: bool = False  #: it takes longer than nine of ten did

    def guess(self, now: float) -> float | None:
        """The share that is probably done at *now*, where the provider says none; never all."""
        if self.fraction is not None or self.waits_there:
            return None
        if self.began_at is None or self.ready_at is None or self.ready_at <= self.began_at:
            return None
        return min(MOST, max(0.0, (now - self.began_at) / (self.ready_at - self.began_at)))

    def moves(self, now: float) -> bool:
        """Whether the guess grows from here without anybody being asked."""
        share = self.guess(now)
        return share is not None and share < MOST
