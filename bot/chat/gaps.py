"""How often a message that changes is written anew: often enough for people, within the limits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Seconds between two edits of the same message. Discord takes five in five seconds."""

    card: float = 4.0  #: a card whose stage is the same: people see 5, at most
    #: Cards of one channel, once they cost the bot's own rate limit: it holds for all together.
    cards: float = 1.25
    board: float = 5.0
    old_board: float = 600.0  #: one whose message is over an hour old: Discord then takes fewer
    refusal: float = 2.0
    queue: float = 2.0


GAPS = Gaps()
