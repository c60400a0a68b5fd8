"""What a server's settings and quotas say of its roles."""

from bot.words.limits import in_words
from storage import Rule, Server


def lost_with(role_id: int, server: Server, rules: list[tuple[int, Rule]]) -> list[str]:
    """What a server's settings and quotas gave to a role, each as "approved takes"."""
    lost = []
    if server.reviewers == role_id:
        lost.append("approved takes")
    if role_id in server.priority_roles:
        lost.append("went first in the queue")
    for target, rule in rules:
        if target == role_id:
            amount = "no limit" if rule.amount is None else in_words(rule.amount)
            lost.append(f"had its own quota ({amount} a {rule.period})")
    return lost
