"""Finds in a workflow what people may choose: by the classes of its nodes, and by their links.

Every guess is written down with where it was found, so that its operator can correct it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .graph import BadWorkflow, Graph, is_link
from .workflow import SAVING, named_size

__all__ = ["Guess", "guessed"]

Knob = tuple[str, str]

_PRIMITIVES = ("PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline")
_SEEDS = {"RandomNoise": "noise_seed", "KSampler": "seed", "KSamplerAdvanced": "noise_seed"}
_RATES = {
    "CreateVideo": "fps",
    "LTXVConditioning": "frame_rate",
    "LTXVEmptyLatentAudio": "frame_rate",
}
_LOADERS = ("CheckpointLoaderSimple", "UNETLoader", "UnetLoaderGGUF", "LTXVModelLoader")
_TEXTS = ("text", "prompt", "value", "string", "source", "on_false", "on_true", "string_a")
_DEPTH = 40  #: nodes that a value is followed through
#: Inputs through which a picture goes on, also where it is a latent for a while.
_PICTURES = ("image", "input", "images", "samples", "latent_image", "pixels")
_EXTENDING = "LTXVExtendSampler"  #: of the pack ComfyUI-LTXVideo
_MASKING = "LTXVSetAudioVideoMaskByTime"  #: the same


@dataclass(slots=True)
class Guess:
    """What a workflow seems to offer. `why` says of each input where it was found."""

    output: str
    modes: list[str] = field(default_factory=list)
    inputs: dict[str, list[Knob]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    absent: dict[str, dict[str, bool | float]] = field(default_factory=dict)
    fixed: dict[str, bool] = field(default_factory=dict)
    sizes: list[str] = field(default_factory=list)
    fps: int | None = None
    seconds: int | None = None
    loras_after: Knob | None = None
    unsure: list[str] = field(default_factory=list)  #: sentences about what was not found


def guessed(graph: Graph) -> Guess:
    """What *graph* offers. Raises `BadWorkflow` where it saves no clip."""
    saving = graph.of_type(*SAVING)
    if not saving:
        raise BadWorkflow(
            f"none of its nodes saves a clip, and it needs one of {', '.join(SAVING)}"
        )
    return _Finder(graph, saving[-1]).found()


class _Finder:
    def __init__(self, graph: Graph, output: str) -> None:
        self._graph = graph
        self._guess = Guess(output)
        self._nodes = graph.before(output)
        if len(self._nodes) == 1:
            self._unsure(
                f"Nothing is linked to {self._named(output)}, so it saves no clip: link it in "
                "ComfyUI, and export it again."
            )
            self._nodes = set(graph.nodes)

    def found(self) -> Guess:
        """Everything, each part from those before it."""
        self._prompts()
        self._seeds()
        self._rates()
        self._size()
        self._length()
        self._files()
        self._switches()
        self._loras()
        return self._guess

    # Parts.

    def _prompts(self) -> None:
        for name, side in (("prompt", "positive"), ("negative", "negative")):
            knobs = self._texts_of(side)
            if knobs and not set(knobs) & set(self._guess.inputs.get("prompt", ())):
                self._note(name, knobs, f"what leads to the {side} side of the sampler")
        if "prompt" not in self._guess.inputs:
            self._unsure("No prompt was found: name its node and input as inputs.prompt.")

    def _texts_of(self, side: str) -> list[Knob]:
        """The inputs that hold the words of one side, through whatever changes conditioning."""
        starts = [*self._of_type("LTXVConditioning"), *self._ordered()]
        for start in [each for each in starts if side in self._inputs(each)]:
            node, left = start, _DEPTH
            while left and is_link(up := self._inputs(node).get(side)):
                node, left = up[0], left - 1
            if "text" in self._inputs(node):
                return self._words(node, "text")
        return []

    def _words(self, node: str, name: str, depth: int = 0) -> list[Knob]:
        """The literals that a text comes from: more than one where a switch chooses."""
        value = self._inputs(node)[name]
        if isinstance(value, str):
            return [(node, name)]
        if not is_link(value) or depth > _DEPTH:
            return []
        inputs = self._inputs(value[0])
        found: list[Knob] = []
        for each in _TEXTS:
            if each in inputs and (not found or each.startswith("on_")):
                found += self._words(value[0], each, depth + 1)
        return list(dict.fromkeys(found))

    def _seeds(self) -> None:
        knobs = [
            knob
            for kind, name in _SEEDS.items()
            for node in self._of_type(kind)
            if name in self._inputs(node) and (knob := self._number(node, name)) is not None
        ]
        if knobs:
            passes = f", {len(set(knobs))} passes" if len(set(knobs)) > 1 else ""
            self._note("seed", knobs, f"the noise of the sampler{passes}")
        else:
            self._unsure("No seed was found: its clips will be alike.")

    def _rates(self) -> None:
        knobs = [
            knob
            for kind, name in _RATES.items()
            for node in self._of_type(kind)
            if name in self._inputs(node) and (knob := self._number(node, name)) is not None
        ]
        values = [self._value(knob) for knob in knobs]
        rates = [round(value) for value in values if isinstance(value, int | float) and value >= 1]
        self._guess.fps = rates[0] if rates else None
        if rates:
            self._note("fps", knobs, "the frame rate of what is made and saved")
        else:
            self._unsure("No frame rate was found: that of its input, perhaps.")

    def _size(self) -> None:
        for latent in self._latents():
            width, height = self._number(latent, "width"), self._number(latent, "height")
            if width is None or height is None:
                break
            values = [self._value(knob) for knob in (width, height)]
            sides = [each if isinstance(each, int) else None for each in values]
            wide, high = sides[0] or 1280, sides[1] or 704
            try:
                named_size(wide, high)
            except BadWorkflow as error:
                self._unsure(f"Its size stays as it is: {error}.")
                return
            self._note("width", [width], "the empty clip that the model fills")
            self._note("height", [height], "the same")
            sizes = [f"{wide}x{high}", f"{high}x{wide}"]
            self._guess.sizes = list(dict.fromkeys(sizes))
            return
        self._unsure("No size was found that can be set: it is that of its input, perhaps.")

    def _length(self) -> None:
        fps = self._guess.fps or 24
        for node in self._of_type(_EXTENDING):
            if (added := self._number(node, "num_new_frames")) is not None:
                frames = self._value(added)
                added_frames = frames if isinstance(frames, int | float) else 5 * fps
                self._guess.seconds = max(1, round(added_frames / fps))
                self._guess.fps = fps  # frames are reckoned by it
                self._note("frames", [added], "what is added to the clip")
                return
        for latent in self._latents():
            for name, knobs, seconds in self._lengths(latent, "length"):
                self._guess.seconds = max(1, round(seconds))
                self._note(name, knobs, "the length of the empty clip that the model fills")
                return
        self._unsure("No length was found that can be set: it is that of its input, perhaps.")

    def _lengths(
        self, node: str, name: str, depth: int = 0
    ) -> Iterator[tuple[str, list[Knob], float]]:
        """Where the frames of a clip come from: a number of frames, or seconds times a rate.

        Yields what it is, the inputs that hold it, and the seconds that it comes to.
        """
        value, fps = self._inputs(node).get(name), self._guess.fps or 24
        if not is_link(value):
            if isinstance(value, int):
                yield "frames", [(node, name)], (value - 1) / fps
            return
        up = value[0]
        kind, inputs = self._graph.type_of(up), self._inputs(up)
        if depth > _DEPTH:
            return
        if kind in _PRIMITIVES:
            yield from self._lengths(up, "value", depth + 1)
        elif "expression" in inputs:
            factors = [each for each in inputs if each.startswith("values.")]
            found = [knob for each in factors if (knob := self._number(up, each)) is not None]
            rates = self._guess.inputs.get("fps", ())
            lengths = [knob for knob in found if knob not in rates]
            if len(factors) > 1 and len(lengths) == 1:
                yield from self._product(up, lengths[0])
            elif len(factors) == 1:
                yield from self._lengths(up, factors[0], depth + 1)
        else:  # as many frames as there are pictures
            for each in ("amount", "batch_size", "length", *_PICTURES):
                if each in inputs:
                    yield from self._lengths(up, each, depth + 1)

    def _product(self, node: str, length: Knob) -> Iterator[tuple[str, list[Knob], float]]:
        """Seconds times a rate. The model floors frames to 8k+1: without the one, a clip would lack
        a block, so that its frames are set where they are taken."""
        seconds = self._value(length)
        if not isinstance(seconds, int | float):
            return
        if re.search(r"\+\s*1\b", str(self._inputs(node).get("expression"))):
            yield "seconds", [length], seconds
        else:
            yield "frames", list(self._graph.users(node)), seconds

    def _files(self) -> None:
        for node in self._of_type("LoadImage"):
            last = "last" in self._graph.title_of(node).lower() or -1 in self._guides(node)
            name = "last_image" if last else "image"
            if name in self._guess.inputs:
                self._unsure(f"{self._named(node)} loads one more image, which stays as it is.")
            else:
                self._note(name, [(node, "image")], self._picture(node, last=last))
                if last:
                    self._without_last(node)
        for node in self._of_type("LoadAudio"):
            if "LTXVReferenceAudio" in self._reached(node):
                self._stays(node, "audio", "a voice to speak with")
            elif "audio" not in self._guess.inputs:
                self._note("audio", [(node, "audio")], self._named(node))
        self._clips()
        self._guess.modes = self._modes()

    def _picture(self, node: str, *, last: bool) -> str:
        """What a loaded picture is, in words."""
        users = [each for each in self._after(node) if "iclora_parameters" in self._inputs(each)]
        what = "a reference" if users else "the last frame" if last else "the first frame"
        return f"{self._named(node)}: {what}, it seems"

    def _without_last(self, node: str) -> None:
        """A blank stands for a last frame that is not given, and must not be seen."""
        for user in self._after(node):
            strength = self._inputs(user).get("strength")
            if self._graph.type_of(user) == "LTXVAddGuide" and isinstance(strength, int | float):
                self._guess.absent.setdefault("last_image", {})[f"{user}.strength"] = 0.0
        if "last_image" not in self._guess.absent:
            self._unsure(
                f"{self._named(node)} loads a gray picture where no last frame is given: say in "
                "absent.last_image what goes without it."
            )

    def _clips(self) -> None:
        """A clip that is made longer or in part anew is people's; one that only steers what is made
        has no option in Discord, and is no retake: what is made is another clip."""
        changes = self._of_type(_EXTENDING, _MASKING)
        for node in self._of_type("LoadVideo"):
            if changes and "video" not in self._guess.inputs:
                self._note("video", [(node, "file")], self._named(node))
                continue
            self._stays(node, "file", "a clip that steers what is made")
            if not changes:
                self._unsure(
                    'To have it steered by the clip that people retake, write mode = "retake" and '
                    f'inputs.video = "{node}.file" yourself: each retake of a whole clip is then '
                    "made so."
                )
        for node in self._of_type(_MASKING) if "video" in self._guess.inputs else ():
            for name, given in (("start", "start_time"), ("end", "end_time")):
                if (knob := self._number(node, given)) is not None:
                    self._note(name, [knob], f"{self._named(node)}: the part that is made again")

    def _stays(self, node: str, name: str, what: str) -> None:
        file = self._inputs(node).get(name)
        named = f" as {file}" if isinstance(file, str) and file else ""
        self._unsure(
            f"{self._named(node)} loads {what}. Dailies has no option for it: put the file into "
            f"the input folder of each server{named}."
        )

    def _modes(self) -> list[str]:
        there = self._guess.inputs
        if "video" in there:
            return ["extend"] if self._of_type(_EXTENDING) else ["retake"]
        if "audio" in there:
            return ["audio"]
        return ["image"] if "image" in there else ["text"]

    def _switches(self) -> None:
        for node in self._of_type("PrimitiveBoolean"):
            title = self._graph.title_of(node).lower()
            if re.search("enhanc", title):
                self._enhancer(node)
            elif self._leaves_out_image(node):
                self._guess.absent.setdefault("image", {})[f"{node}.value"] = True
                if self._guess.modes == ["image"] and "prompt" in self._guess.inputs:
                    self._guess.modes = ["text", "image"]

    def _leaves_out_image(self, node: str) -> bool:
        """Whether all that would take people's picture goes without it where *node* says so."""
        knobs = self._guess.inputs.get("image")
        taking = {
            each
            for each in (self._after(knobs[0][0]) if knobs else ())
            if self._graph.type_of(each).startswith("LTXV")
            and self._graph.type_of(each) != "LTXVPreprocess"
        }
        return bool(taking) and taking <= {
            user for user, name in self._graph.users(node) if name == "bypass"
        }

    def _enhancer(self, node: str) -> None:
        """Switch off what rewrites people's words, where the words can go around it."""
        around = all(
            name != "switch" or "on_false" in self._inputs(user)
            for user, name in self._graph.users(node)
        )
        if around:
            self._guess.fixed[f"{node}.value"] = False
            self._guess.why[f"{node}.value"] = "people's own words, as they wrote them"
        else:
            self._unsure(f"{self._named(node)} changes people's words, and stays as it is.")

    def _loras(self) -> None:
        loaders = [node for node in self._of_type(*_LOADERS) if any(self._graph.users(node, 0))]
        if loaders:
            self._guess.loras_after = (loaders[0], "0")
        else:
            self._unsure("No model was found behind which LoRAs could be put.")

    # Following.

    def _number(self, node: str, name: str, depth: int = 0) -> Knob | None:
        """The input that holds a number: this one, or the one that it is computed from alone."""
        value = self._inputs(node).get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return node, name
        if not is_link(value) or depth > _DEPTH:
            return None
        up, slot = value
        kind, inputs = self._graph.type_of(up), self._inputs(up)
        if kind in _PRIMITIVES:
            # What is set here takes the place of a link.
            return self._number(up, "value", depth + 1) or (up, "value")
        if "expression" in inputs:
            factors = [each for each in inputs if each.startswith("values.")]
            return self._number(up, factors[0], depth + 1) if len(factors) == 1 else None
        if kind == "GetImageSize" and slot in (0, 1):
            return self._side(up, "image", ("width", "height")[slot], depth + 1)
        return None

    def _side(self, node: str, name: str, side: str, depth: int) -> Knob | None:
        """Where the width or height of the picture comes from that *node* takes as *name*."""
        value = self._inputs(node).get(name)
        if not is_link(value) or depth > _DEPTH:
            return None
        up = value[0]
        inputs = self._inputs(up)
        for each in (side, f"resize_type.{side}", f"target_{side}"):
            if each in inputs:
                return self._number(up, each, depth + 1)
        for each in _PICTURES:
            if each in inputs:
                return self._side(up, each, side, depth + 1)
        return None

    def _guides(self, node: str) -> set[int]:
        """The frames that a picture guides."""
        found = set()
        for user in self._after(node):
            if self._graph.type_of(user) == "LTXVAddGuide":
                index = self._inputs(user).get("frame_idx")
                if isinstance(index, int):
                    found.add(index)
        return found

    def _after(self, node: str) -> set[str]:
        """Nodes that take the picture of *node*, up to the first that puts it into a clip."""
        found: set[str] = set()
        waiting = [node]
        while waiting:
            for user, name in self._graph.users(waiting.pop()):
                if user in found or name not in ("image", "input", "images"):
                    continue
                found.add(user)
                if (
                    not self._graph.type_of(user).startswith("LTXV")
                    or self._graph.type_of(user) == "LTXVPreprocess"
                ):
                    waiting.append(user)
        return found

    def _reached(self, node: str) -> set[str]:
        """The classes of the nodes that take what *node* gives, near by."""
        near = {user for user, _ in self._graph.users(node)}
        near |= {user for each in near for user, _ in self._graph.users(each)}
        return {self._graph.type_of(each) for each in near}

    # Small things.

    def _latents(self) -> list[str]:
        return self._of_type("EmptyLTXVLatentVideo")

    def _of_type(self, *kinds: str) -> list[str]:
        return [node for node in self._graph.of_type(*kinds) if node in self._nodes]

    def _ordered(self) -> list[str]:
        return [node for node in self._graph.nodes if node in self._nodes]

    def _inputs(self, node: str) -> dict[str, Any]:
        return self._graph.inputs_of(node)

    def _value(self, knob: Knob) -> object:
        return self._inputs(knob[0]).get(knob[1])

    def _named(self, node: str) -> str:
        title = self._graph.title_of(node)
        return f"{title or self._graph.type_of(node)} ({node})"

    def _note(self, name: str, knobs: list[Knob], why: str) -> None:
        self._guess.inputs[name] = list(dict.fromkeys(knobs))
        self._guess.why[name] = why

    def _unsure(self, sentence: str) -> None:
        self._guess.unsure.append(sentence)
