"""A role that settings name is deleted, or the bot is removed, while clips are made: it is told."""

import logging

from storage import By, Period, Whose
from tests.rig.house import until
from tests.rig.paid import ordered


def delete_role(playground, role_id):
    playground.guild.roles.pop(role_id)
    playground.world.emit(
        "GUILD_ROLE_DELETE", {"guild_id": str(playground.guild.id), "role_id": str(role_id)}
    )


async def test_moderators_hear_what_a_deleted_role_stood_for(playground, ada, house):
    guild = playground.guild
    editors = playground.world.create_role(guild.id, "Editors *of* film")
    others = playground.world.create_role(guild.id, "Others")
    by = By(guild_id=guild.id, actor_id=ada.id)
    moderation = house.store.moderation
    where = playground.channel("moderators").id
    await moderation.set_server(
        by, moderators=where, reviewers=editors.id, priority_roles=frozenset({editors.id})
    )
    await moderation.set_rule(by, Whose.ROLE, 50, Period.WEEK, role_id=editors.id)
    ada.go("moderators")
    await until(lambda: house.bot.get_guild(guild.id).get_role(editors.id))

    delete_role(playground, others.id)
    delete_role(playground, editors.id)

    told = await ada.wait_for("was deleted")
    assert told.text.replace("\\", "") == (
        "⚠️ The role **Editors *of* film** was deleted. It approved takes, went first in "
        "the queue and had its own quota (50 credits a week). Choose another role "
        "for this."
    )
    assert len([each for each in ada.everything() if "was deleted" in each.text]) == 1


async def test_the_operator_hears_of_clips_whose_server_is_gone(
    playground, mira, paid, paid_house, caplog
):
    caplog.set_level(logging.WARNING, "cogs.server_changes")
    paid.submits.clear()
    await ordered(mira)
    playground.world.emit("GUILD_DELETE", {"id": str(playground.guild.id)})
    await until(lambda: "removed the bot" in caplog.text)
    assert "#1" in caplog.text
