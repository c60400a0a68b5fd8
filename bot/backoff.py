"""How long to wait between tries of the same thing: twice as long after each, up to a limit."""

#: 2.0 to the power of more than 1,023 is an OverflowError; nobody waits as long as this already is.
_DOUBLINGS = 32


def backoff(tries: int, *, most: float, first: float = 1.0) -> float:
    """Seconds to wait after *tries* failures: *first*, doubled for each of them, *most* at most.

    It is the same each time: spread it where several may fail together.
    """
    return min(most, first * 2.0 ** min(tries, _DOUBLINGS))
