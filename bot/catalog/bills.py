"""What a provider says it charged, as far as it makes sense."""

import logging
import math

log = logging.getLogger(__name__)

#: Credits that the ledger can book at once. Of a bill beyond it, this much is booked; it is told
#: of as every bill above its price is.
MOST = 10**12

#: The largest bill that is kept as it was said; beyond it the number means nothing anyway.
MOST_SAID = 1e15


def understood(cost: object, *, of: str) -> float | None:
    """A bill as a number; None, with a line in the log, for what is not one. It is never taken
    for zero: a clip whose bill nobody understands costs what was quoted.

    *of* names whose it is.
    """
    if cost is None:
        return None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or cost != cost or cost < 0:
        log.warning("The bill of %s is not understood: %.60r", of, cost)
        return None
    if cost > MOST_SAID:
        log.error("The bill of %s is absurd: %.60s", of, _shown(cost))
        return MOST_SAID if isinstance(cost, int) or math.isfinite(cost) else None
    return float(cost)


def _shown(cost: float) -> str:
    # Python refuses to write very long whole numbers out.
    return f"a number of {cost.bit_length()} bits" if isinstance(cost, int) else repr(cost)
