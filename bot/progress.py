"""What is known of a job beyond its row: its place in the queue, how far it is, when it ends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of a live job and not worth writing down."""

    position: int | None = None  #: 1 is next
    waiting: int | None = None  #: how many wait for the same provider
    why_waiting: str = ""  #: why it stands there, where that needs words
    waits_there: bool = False  #: the provider has it, and has not begun
    says: str = ""  #: what the provider does just now, in its words: "gpu1: sampling 3 of 8"
    fraction: float | None = None  #: 0 to 1, as the provider says
    ready_at: float | None = None  #: an estimate from this deployment's own history, to print
    slow: bool = False  #: it takes longer than nine of ten did
