"""The camera motions, as the models of this field name them."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CAMERA", "Move"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A camera motion: from the first to the second of each pair, eased.

    *zoom* is 1 for the whole picture; *x* and *y* say where the view is in what it may see: -1
    left or top, 0 centre, 1 right or bottom.
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    x: tuple[float, float] = (0.0, 0.0)
    y: tuple[float, float] = (0.0, 0.0)
    focus: bool = False  #: from blurred to sharp

    def reversed(self) -> "Move":
        """The same motion, backwards."""
        return Move(zoom=self.zoom[::-1], x=self.x[::-1], y=self.y[::-1], focus=self.focus)


#: The camera motions by the names that the models of this field give them.
CAMERA: Mapping[str, Move] = {
    "dolly_in": Move(zoom=(1.0, 1.3)),
    "dolly_out": Move(zoom=(1.3, 1.0)),
    "dolly_left": Move(zoom=(1.2, 1.2), x=(1.0, -1.0)),
    "dolly_right": Move(zoom=(1.2, 1.2), x=(-1.0, 1.0)),
    "jib_up": Move(zoom=(1.2, 1.2), y=(1.0, -1.0)),
    "jib_down": Move(zoom=(1.2, 1.2), y=(-1.0, 1.0)),
    "static": Move(),
    "focus_shift": Move(zoom=(1.0, 1.04), focus=True),
}
