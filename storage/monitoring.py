"""What the store can do for an operator's monitoring, a name a line: see `parts`."""

from . import alerts, figures
from .transactions import Part, read, read_at, write, write_at


class Alerts(Part):
    """Trouble of the whole deployment."""

    open = read(alerts.unresolved)
    begin = write_at(alerts.begin)
    end = write_at(alerts.end)
    due = read_at(alerts.due)
    tried = write_at(alerts.tried)
    told = write(alerts.told)
    moderators = read_at(alerts.moderators)
    waiting_clips = read(alerts.waiting_clips)


class Figures(Part):
    """What an operator's monitoring shows."""

    mark = read(figures.mark)
    news = read(figures.news)
    live_jobs = read(figures.live_jobs)
    held = read(figures.held)
    budgets = read_at(figures.budgets)
