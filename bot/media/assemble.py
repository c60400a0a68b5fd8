"""Finishes what no provider did whole: a new piece is joined to a clip, or put into it."""

from pathlib import Path

from bot.media.join import cut, join, replace_part
from bot.media.probe import MediaError, probe
from bot.media.reverse import backwards
from storage import Plan

PIECE = ".piece.mp4"  #: how the name of a file ends that a plan has yet to be done with


async def assemble(plan: Plan, piece: Path, to: Path, *, data: Path) -> None:
    """Write to *to* what *plan* makes of *piece*; safe to repeat.

    The result has the size, rate and codecs of the clip that was there before. Raises
    `MediaError` where one of the two cannot be read, above all when the clip is gone.
    """
    whole = data / plan.clip.file
    if not whole.exists():
        raise MediaError("The clip it belongs to is no longer kept.")
    match plan.place:
        case "end":
            # A clip made from a frame begins with that frame; it is not shown twice.
            await join([whole, piece], to, overlap=1)
        case "start":
            await _put_before(piece, whole, to)
        case _:
            await _put_in(plan, piece, whole, to)


async def _put_before(piece: Path, whole: Path, to: Path) -> None:
    """The piece begins with the clip's first frame: turned round, it ends where the clip begins.

    Its sound, which would be heard backwards, is left out.
    """
    turned = piece.with_name(f"{piece.stem}.turned.mp4")
    try:
        await backwards(piece, turned, skip=1)  # the frame that both have is the clip's
        await join([turned, whole], to, like=1)
    finally:
        turned.unlink(missing_ok=True)


async def _put_in(plan: Plan, piece: Path, whole: Path, to: Path) -> None:
    part = piece
    if plan.seconds is not None and (await probe(piece)).seconds > plan.seconds:
        part = piece.with_name(f"{piece.stem}.cut.mp4")
        await cut(piece, part, start=0.0, seconds=plan.seconds)
    await replace_part(
        whole,
        part,
        to,
        start=plan.start,
        picture=plan.replace != "sound",
        sound=plan.replace != "picture",
    )
    if part != piece:
        part.unlink(missing_ok=True)
