"""What can go wrong, sorted by what we do about it.

* Refusal   nobody will do this; tell the person, try nothing again
* Busy      it did not happen; the same work may be tried later
* Trouble   the same, for a reason of this machine's: it says nothing about the work, and is no try
* Unclear   it may have happened; find out before trying again

Anything else is a bug.
"""

from enum import StrEnum


class Failure(StrEnum):
    """Why a provider did not make a clip: the whole vocabulary, whoever the provider is."""

    CONTENT = "content"  #: the prompt or an input breaks its content rules
    INPUT = "input"  #: an input could not be reached, read, or is not what it accepts
    CREDIT = "credit"  #: our account there has no money left
    KEY = "key"  #: our key is refused, or may not do this
    RATE = "rate"  #: we asked too often, or have too much under way
    DOWN = "down"  #: it is out of order
    TIMEOUT = "timeout"  #: it took the job and did not finish in time
    LOST = "lost"  #: it took the job and no longer knows it
    BAD_RESULT = "bad_result"  #: it says it finished, and what it gave is not a clip
    UNCLEAR = "unclear"  #: nobody can tell whether it took the job
    REFUSED = "refused"  #: it will not do it, for a reason that is none of the above


class Refusal(Exception):
    """We, or a provider, will not do this. The message is a sentence for the person.

    *failure* is set when a provider is the one refusing; *raw* is its own reply, for the
    operator's log and never for the chat. *billed* is False where the provider's document
    says that what it refused costs nothing, None where it does not say. *final*: asking again
    about the same job changes nothing, where for its failure it might.
    """

    def __init__(
        self,
        sentence: str,
        *,
        failure: Failure | None = None,
        raw: str = "",
        billed: bool | None = False,
        final: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.failure = failure
        self.raw = raw
        self.billed = billed
        self.final = final


class Private(Refusal):
    """A refusal that nobody but the person is to read: it is never said where others are."""


class Busy(Exception):
    """Proven not to have happened; the same may be tried again in *retry_after* seconds.

    *answered* says what the proof is: the provider had the order and answered, in the form that
    its document gives to errors, that it did not take it. Sending it again then relies on that
    document, and is counted.
    """

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float | None = None,
        failure: Failure = Failure.DOWN,
        raw: str = "",
        answered: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.failure = failure
        self.raw = raw
        self.answered = answered


class Trouble(Busy):
    """This machine could not: no room, no memory, a program that hangs. See `bot.machine_trouble`.

    *kind* is "room", "disk", "memory" or "ffmpeg"; *raw* is what the system said.
    """

    def __init__(self, sentence: str, *, kind: str, raw: str = "") -> None:
        super().__init__(sentence, raw=raw)
        self.kind = kind


class Unclear(Exception):
    """The provider may or may not have done what we asked. *raw* is whatever it answered."""

    def __init__(self, sentence: str, *, raw: str = "") -> None:
        super().__init__(sentence)
        self.raw = raw
