"""A favourite is never shown to somebody who may not read where it was made."""

import itertools

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.readers import may_all_read

GUILD, WHERE, MADE = 1, 50, 60
ROLES = (11, 12, 13)
VIEW = discord.Permissions(view_channel=True).value
#: A member for each choice of roles, and one more whom overwrites may name.
HOLDERS = {
    100 + index: roles
    for index, roles in enumerate(
        each for size in range(len(ROLES) + 1) for each in itertools.combinations(ROLES, size)
    )
}
NAMED = 199


def channel(id, overwrites, *, nsfw=False):
    return {
        "id": str(id),
        "type": 0,
        "name": f"c{id}",
        "position": 0,
        "nsfw": nsfw,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": 1 if target >= 100 else 0,
                "allow": str(VIEW if allowed else 0),
                "deny": str(0 if allowed else VIEW),
            }
            for target, allowed in overwrites.items()
        ],
    }


def guild_with(where, made, *, everyone=VIEW, nsfw=(False, False), named_roles=()):
    client = discord.Client(intents=discord.Intents.none())
    roles = [{"id": str(GUILD), "name": "@everyone", "permissions": str(everyone), "position": 0}]
    roles += [
        {"id": str(each), "name": f"r{each}", "permissions": "0", "position": 1} for each in ROLES
    ]
    for each in roles:
        each |= {"color": 0, "colors": {"primary_color": 0}, "hoist": False, "managed": False}
        each |= {"mentionable": False, "flags": 0}
    data = {
        "id": str(GUILD),
        "name": "g",
        "owner_id": "1",
        "roles": roles,
        "channels": [channel(WHERE, where, nsfw=nsfw[0]), channel(MADE, made, nsfw=nsfw[1])],
    }
    guild = discord.Guild(data=data, state=client._connection)
    members = {
        each: discord.Member(
            data={
                "user": {"id": str(each), "username": "m", "discriminator": "0", "avatar": None},
                "roles": [str(role) for role in roles_],
                "joined_at": None,
                "deaf": False,
                "mute": False,
                "flags": 0,
            },
            guild=guild,
            state=client._connection,
        )
        for each, roles_ in {**HOLDERS, NAMED: named_roles}.items()
    }
    return guild, members


WAYS = st.dictionaries(st.sampled_from([GUILD, *ROLES, NAMED]), st.booleans(), max_size=5)


@settings(max_examples=150, deadline=None)
@given(WAYS, WAYS, st.sampled_from([VIEW, 0]), st.sets(st.sampled_from(ROLES)))
def test_whoever_reads_the_one_reads_the_other_where_it_says_so(where, made, everyone, roles):
    guild, members = guild_with(where, made, everyone=everyone, named_roles=sorted(roles))
    there, origin = guild.get_channel(WHERE), guild.get_channel(MADE)
    if may_all_read(there, origin):
        for member in members.values():
            if there.permissions_for(member).view_channel:
                assert origin.permissions_for(member).view_channel, (where, made, member.roles)


@pytest.mark.parametrize(
    ("where", "made", "yes"),
    [
        ({}, {}, True),  # both for everybody
        ({GUILD: False, 11: True}, {}, True),  # gathered where fewer read
        ({}, {GUILD: False, 11: True}, False),  # made where fewer read
        ({GUILD: False, 11: True}, {GUILD: False, 11: True}, True),  # the same few
        ({GUILD: False, 11: True, 12: True}, {GUILD: False, 11: True}, False),  # two kinds of few
        ({GUILD: False, 11: True}, {GUILD: False, 12: True}, False),
        ({GUILD: False, 11: True}, {GUILD: False, 11: True, 12: True}, True),
        ({GUILD: False, 11: True}, {12: False}, False),
        ({GUILD: False, NAMED: True}, {GUILD: False, 11: True}, False),
        (
            {GUILD: False, 11: True},
            {GUILD: False, 11: True, NAMED: False},
            False,
        ),  # one was put out
    ],
)
def test_it_says_so_where_it_is_certain(where, made, yes):
    guild, _ = guild_with(where, made)
    assert may_all_read(guild.get_channel(WHERE), guild.get_channel(MADE)) is yes


def test_what_is_not_known_or_for_adults_alone_stays_where_it_is():
    guild, _ = guild_with({}, {}, nsfw=(False, True))
    there, origin = guild.get_channel(WHERE), guild.get_channel(MADE)
    assert not may_all_read(there, origin)
    assert may_all_read(origin, there)
    assert not may_all_read(there, None)
    assert not may_all_read(None, there)
