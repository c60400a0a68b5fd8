"""Says in the log in a line what discord.py says with a traceback, though nothing is broken."""

import logging


class Spoken(logging.Filter):
    """Shortens what is written about a connection that was lost and will be tried again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the *record* where it is such a one; keep every record."""
        retried = record.name == "discord.client" and "reconnect in" in str(record.msg)
        if retried and record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg = f"Discord's gateway is lost (%s: %s). {record.msg}"
            arguments = record.args if isinstance(record.args, tuple) else ()
            record.args = (type(error).__name__, error, *arguments)
            record.exc_info = record.exc_text = None
        return True
