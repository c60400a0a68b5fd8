"""The words that a server forbids in prompts, as moderators change them."""

from bot.errors import Refusal
from bot.orders.access import decided_by, require_moderator
from bot.orders.prompt_rules import accepted
from bot.orders.requester import Requester
from bot.orders.server_rules import RULES_MAX
from storage import PromptHit, PromptRule, Store


class PromptRules:
    """List, add and remove a server's prompt rules. What it says no to is a `Refusal`."""

    def __init__(self, store: Store) -> None:
        self._servers = store.servers

    async def found(self, requester: Requester) -> tuple[list[PromptRule], list[PromptHit]]:
        """The server's prompt rules, and who met them lately."""
        require_moderator(requester)
        rules = await self._servers.prompt_rules(requester.guild_id)
        return rules, await self._servers.prompt_hits(requester.guild_id)

    async def forbid(self, requester: Requester, kind: str, text: str) -> PromptRule:
        """Refuse prompts that hold a word or a pattern."""
        by = decided_by(requester)
        text = await accepted(kind, text)
        if len(await self._servers.prompt_rules(requester.guild_id)) >= RULES_MAX:
            raise Refusal(f"A server can have up to {RULES_MAX} prompt rules. Remove one first.")
        rule = await self._servers.add_prompt_rule(by, kind, text)
        if rule is None:
            raise Refusal("That rule already exists.")
        return rule

    async def allow(self, requester: Requester, rule_id: int) -> PromptRule:
        """Remove a prompt rule."""
        rule = await self._servers.remove_prompt_rule(decided_by(requester), rule_id)
        if rule is None:
            raise Refusal("There is no such prompt rule here.")
        return rule
