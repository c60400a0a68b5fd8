"""Says in the log in a line what discord.py says with a traceback, though nothing is broken."""

import logging

from bot.chat.trouble import AlreadyDone, Expired, translation
from bot.errors import Busy


class Spoken(logging.Filter):
    """Shortens what is written about trouble that is over or will be tried again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the *record* where it is such a one; keep every record."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        arguments = record.args if isinstance(record.args, tuple) else ()
        if record.name == "discord.client" and "reconnect in" in str(record.msg):
            record.msg = f"Discord's gateway is lost (%s: %s). {record.msg}"
            record.args = (type(error).__name__, error, *arguments)
        elif "in autocomplete" in str(record.msg):
            match translation(error):
                case Expired():
                    record.msg, record.args = "Suggestions came too late", ()
                case AlreadyDone() | Busy() as known:
                    record.msg = "Suggestions may not have arrived: %s"
                    record.args = (known.raw or str(known),)
                case _:
                    return True
        else:
            return True
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = None
        return True
