"""How a bot answers an interaction: the callback, and the messages its token reaches."""

from typing import Any

from simcord.backend import errors
from simcord.backend.models import Interaction, Message
from simcord.enums import CallbackType, InteractionType
from simcord.http.router import RequestContext

from playground.discord import forms, limits
from playground.discord.buckets import Buckets
from playground.discord.limits import bad_form
from playground.discord.memory import TOKEN_LIFE, made_at
from playground.discord.routes import TOKEN, answers, onward, world_of
from playground.discord.world import World

_LOADING = 1 << 7
_MESSAGES = {CallbackType.CHANNEL_MESSAGE_WITH_SOURCE, CallbackType.UPDATE_MESSAGE}
_ONLY_COMPONENTS = {CallbackType.DEFERRED_UPDATE_MESSAGE, CallbackType.UPDATE_MESSAGE}


@answers("POST", "/interactions/{interaction_id}/{token}/callback")
def callback(ctx: RequestContext, buckets: Buckets) -> Any:
    """Once (else 400/40060), with an answer that fits; that 3 s are over, simcord says (10062)."""
    world = world_of(ctx)
    record = world.interactions.get(ctx.int_arg("interaction_id"))
    if record is None or record.token != ctx.args["token"]:
        raise errors.unknown_interaction()
    age = world.time.now() - made_at(record.id)
    if record.responded and age < TOKEN_LIFE:
        raise errors.already_acknowledged()
    body = ctx.body()
    kind = body.get("type")
    data = body.get("data") or {}
    _check_kind(record, kind)
    if kind in _MESSAGES:
        limits.check_files([file.size for file in ctx.files], world.upload_limit(record.guild_id))
        new = kind == CallbackType.CHANNEL_MESSAGE_WITH_SOURCE
        before = None if new else _source(world, record)
        forms.check_message(data, ctx.files, new=new, before=before)
        limits.check_words(world, data)
    if kind == CallbackType.MODAL:
        forms.check_modal(data)
    if kind == CallbackType.APPLICATION_COMMAND_AUTOCOMPLETE_RESULT:
        _check_choices(data.get("choices"))
    if isinstance(ctx.json, dict) and isinstance(ctx.json.get("data"), dict) and kind in _MESSAGES:
        _default_mentions(ctx.json["data"])
    if isinstance(ctx.json, dict) and kind in (
        CallbackType.DEFERRED_CHANNEL_MESSAGE_WITH_SOURCE,
        CallbackType.DEFERRED_UPDATE_MESSAGE,
    ):
        # A deferred answer takes the EPHEMERAL flag and nothing else.
        ctx.json = {"type": kind, "data": {"flags": int(data.get("flags") or 0) & (1 << 6)}}
    answer = onward(ctx)
    world.settle(record, "modal" if kind == CallbackType.MODAL else "answered")
    return answer if str(ctx.params.get("with_response", "")).lower() in ("1", "true") else None


def _source(world: World, record: Interaction) -> Message | None:
    """The message whose button was pressed, which UPDATE_MESSAGE edits."""
    return world.messages.get(record.channel_id, {}).get(record.source_message_id or 0)


def _check_kind(record: Interaction, kind: Any) -> None:
    if kind not in set(CallbackType):
        raise bad_form(
            "type", "BASE_TYPE_CHOICES", f"Value must be one of {sorted(map(int, CallbackType))}."
        )
    typing = record.type == InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE
    suggests = kind == CallbackType.APPLICATION_COMMAND_AUTOCOMPLETE_RESULT
    about_a_message = record.source_message_id is not None
    if (
        typing != suggests
        or (kind == CallbackType.MODAL and record.type == InteractionType.MODAL_SUBMIT)
        or (kind in _ONLY_COMPONENTS and not about_a_message)
    ):
        raise bad_form(
            "type", "INTERACTION_RESPONSE_TYPE", "This interaction cannot be answered so."
        )


def _check_choices(choices: Any) -> None:
    if not isinstance(choices, list) or len(choices) > 25:
        raise bad_form("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for choice in choices:
        if not 1 <= len(choice.get("name") or "") <= 100:
            raise bad_form(
                "data.choices.name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100."
            )
        value = choice.get("value")
        if isinstance(value, str) and not 1 <= len(value) <= 100:
            raise bad_form(
                "data.choices.value", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100."
            )


def _default_mentions(body: dict[str, Any]) -> None:
    """Interactions ping users only, unless told otherwise; messages also ping @everyone."""
    if body.get("allowed_mentions") is None:
        body["allowed_mentions"] = {"parse": ["users"], "replied_user": True}


@answers("POST", TOKEN)
def follow_up(ctx: RequestContext, buckets: Buckets) -> Any:
    _check(ctx)
    _default_mentions(ctx.body())
    world = world_of(ctx)
    record = world.interactions.get(world.interaction_tokens.get(ctx.args["token"], 0))
    if record is not None and record.loading:
        shown = world.messages.get(record.channel_id, {})
        if record.message_id not in shown:  # "thinking…" was deleted: what follows is a new message
            record.complete_deferred()
    message = onward(ctx)
    waits = str(ctx.params.get("wait", "")).lower() in ("1", "true")
    # A token's message is sent back even without `wait` (receiving-and-responding, "Followup").
    return message if waits or ctx.args["token"] in ctx.backend.interaction_tokens else None


@answers("GET", TOKEN + "/messages/@original")
@answers("GET", TOKEN + "/messages/{message_id}")
@answers("PATCH", TOKEN + "/messages/@original")
@answers("PATCH", TOKEN + "/messages/{message_id}")
@answers("DELETE", TOKEN + "/messages/@original")
@answers("DELETE", TOKEN + "/messages/{message_id}")
def own_message(ctx: RequestContext, buckets: Buckets) -> Any:
    _check(ctx)
    return onward(ctx)


def _check(ctx: RequestContext) -> None:
    """The token must live, be acknowledged, and the message must fit."""
    world = world_of(ctx)
    if ctx.args["token"] in world.webhook_tokens:
        return
    record = limits.check_token(world, ctx.args["token"])
    if not record.responded:
        raise errors.unknown_webhook()
    limits.check_files([file.size for file in ctx.files], world.upload_limit(record.guild_id))
    before = _edited(ctx, world, record) if ctx.method == "PATCH" else None
    forms.check_message(ctx.body(), ctx.files, new=ctx.method == "POST", before=before)
    limits.check_words(world, ctx.body())
    world.touch("interaction", record.id)


def _edited(ctx: RequestContext, world: World, record: Interaction) -> Message | None:
    """The message that a token edits; "thinking…" counts as none yet."""
    named = ctx.args.get("message_id")
    message_id = int(named) if named is not None else record.message_id
    found = world.messages.get(record.channel_id, {}).get(message_id or 0)
    return None if found is None or found.flags & _LOADING else found
