"""How long a host asks us to wait: the header Retry-After, within bounds."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["LONGEST", "SHORTEST", "retry_after"]

SHORTEST, LONGEST = 1.0, 900.0  #: seconds; what a Retry-After is held to


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds to wait by a Retry-After header (seconds, or an HTTP date), from 1 s to 15 min.

    *now* is the Unix time. None where there is no such header or it makes no sense.
    """
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{0,40})?", value):
        seconds = float(value)
    else:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    return min(max(seconds, SHORTEST), LONGEST)
