"""The nodes of an imitated ComfyUI: their schemas, how a graph is validated, and what it asks for.

Messages and figures are those of ComfyUI 0.12.1; `tests/providers/test_comfyui_facts.py` holds
them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Asked", "asked", "before", "object_info", "validated"]

Graph = Mapping[str, Mapping[str, Any]]

_INT = {"default": 512, "min": 1, "max": 16384, "step": 1}
_FLOAT = {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01}


def _combo(*options: str) -> list[Any]:
    return ["COMBO", {"multiselect": False, "options": list(options)}]


def _int(**more: float) -> list[Any]:
    return ["INT", {**_INT, **more}]


def _float(**more: float) -> list[Any]:
    return ["FLOAT", {**_FLOAT, **more}]


_TEXT = ["STRING", {"multiline": True}]
#: By class: the inputs, and the types that it gives. A folder's name in angle brackets stands for
#: the files in it.
_NODES: Mapping[str, tuple[Mapping[str, list[Any]], tuple[str, ...]]] = {
    "EmptyImage": (
        {
            "width": _int(),
            "height": _int(),
            "batch_size": _int(default=1, max=4096),
            "color": ["INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1}],
        },
        ("IMAGE",),
    ),
    "ProbeSteps": ({"image": ["IMAGE"], "steps": _int(), "seconds": _float(min=0)}, ("IMAGE",)),
    "CreateVideo": (
        {
            "images": ["IMAGE"],
            "fps": ["FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0}],
        },
        ("VIDEO",),
    ),
    "SaveVideo": (
        {
            "video": ["VIDEO", {}],
            "filename_prefix": ["STRING", {"default": "video/ComfyUI", "multiline": False}],
            "format": _combo("auto", "mp4"),
            "codec": _combo("auto", "h264"),
        },
        (),
    ),
    "LoadVideo": ({"file": ["COMBO", {"video_upload": True, "options": []}]}, ("VIDEO",)),
    "GetVideoComponents": ({"video": ["VIDEO"]}, ("IMAGE", "AUDIO", "FLOAT")),
    "LoadImage": ({"image": [[], {"image_upload": True}]}, ("IMAGE", "MASK")),
    "LoadAudio": ({"audio": [[], {"audio_upload": True}]}, ("AUDIO",)),
    "CheckpointLoaderSimple": (
        {"ckpt_name": ["<checkpoints>", {"tooltip": "The name of the checkpoint to load."}]},
        ("MODEL", "CLIP", "VAE"),
    ),
    "LoraLoaderModelOnly": (
        {"model": ["MODEL"], "lora_name": ["<loras>"], "strength_model": _float()},
        ("MODEL",),
    ),
    "CLIPTextEncode": ({"text": _TEXT, "clip": ["CLIP"]}, ("CONDITIONING",)),
    "PrimitiveStringMultiline": ({"value": _TEXT}, ("STRING",)),
    "PrimitiveInt": ({"value": _int(min=-(2**31), max=2**31)}, ("INT",)),
    "PrimitiveFloat": ({"value": _float(min=-1e9, max=1e9)}, ("FLOAT",)),
    "PrimitiveBoolean": ({"value": ["BOOLEAN", {}]}, ("BOOLEAN",)),
    "EmptyLTXVLatentVideo": (
        {
            "width": _int(min=64),
            "height": _int(min=64),
            "length": _int(default=97),
            "batch_size": _int(default=1, max=4096),
        },
        ("LATENT",),
    ),
    "RandomNoise": (
        {"noise_seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1}]},
        ("NOISE",),
    ),
    "LTXVConditioning": (
        {
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "frame_rate": _float(min=0, max=1000),
        },
        ("CONDITIONING", "CONDITIONING"),
    ),
    "LTXVImgToVideoInplace": (
        {
            "vae": ["VAE"],
            "image": ["IMAGE"],
            "latent": ["LATENT"],
            "strength": _float(min=0, max=1),
            "bypass": ["BOOLEAN", {}],
        },
        ("LATENT",),
    ),
    "LTXVAddGuide": (
        {
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "vae": ["VAE"],
            "latent": ["LATENT"],
            "image": ["IMAGE"],
            "frame_idx": _int(min=-9999, max=9999),
            "strength": _float(min=0, max=1),
        },
        ("CONDITIONING", "CONDITIONING", "LATENT"),
    ),
    "LTXVAudioVAEEncode": ({"audio": ["AUDIO"], "vae": ["VAE"]}, ("LATENT",)),
    "LTXVConcatAVLatent": (
        {"video_latent": ["LATENT"], "audio_latent": ["LATENT"]},
        ("LATENT",),
    ),
    "CFGGuider": (
        {
            "model": ["MODEL"],
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "cfg": _float(),
        },
        ("GUIDER",),
    ),
    "SamplerCustomAdvanced": (
        {"noise": ["NOISE"], "guider": ["GUIDER"], "latent_image": ["LATENT"]},
        ("LATENT", "LATENT"),
    ),
    "VAEDecodeTiled": ({"samples": ["LATENT"], "vae": ["VAE"]}, ("IMAGE",)),
    "PreviewImage": ({"images": ["IMAGE"]}, ()),
}
OUTPUT_NODES = frozenset({"SaveVideo", "PreviewImage"})
#: Newer nodes that show a clip which they did not make, when a server is told to be so new.
SHOWING = frozenset({"LoadVideo"})


def object_info(
    name: str, files: Mapping[str, list[str]], inputs: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The schema of a class, with the model *files* by folder and the names of *inputs* that lie in
    no folder; None where there is none."""
    if name not in _NODES:
        return None
    takes, gives = _NODES[name]
    given = {each: _spec(spec, files, inputs) for each, spec in takes.items()}
    return {
        "input": {"required": given},
        "input_order": {"required": list(takes)},
        "is_input_list": False,
        "output": list(gives),
        "output_is_list": [False] * len(gives),
        "output_name": list(gives),
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "nodes",
        "category": "",
        "output_node": name in OUTPUT_NODES,
    }


def _spec(spec: list[Any], files: Mapping[str, list[str]], inputs: Sequence[str]) -> list[Any]:
    kind, more = spec[0], spec[1] if len(spec) > 1 else {}
    if isinstance(kind, str) and kind.startswith("<"):
        return [files.get(kind.strip("<>"), []), *spec[1:]]
    if any(more.get(f"{each}_upload") for each in ("image", "video", "audio")):
        listed = sorted(inputs)
        return [listed, more] if isinstance(kind, list) else [kind, {**more, "options": listed}]
    return list(spec)


def before(graph: Graph, node: str) -> list[str]:
    """The nodes that *node* needs, and itself, each after those that it needs."""
    found: dict[str, None] = {}

    def visit(key: str) -> None:
        if key in found or key not in graph:
            return
        for value in graph[key]["inputs"].values():
            if _linked(value):
                visit(value[0])
        found[key] = None

    visit(node)
    return list(found)


def _linked(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


class _Invalid(Exception):
    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__()
        self.data = data


def validated(
    graph: Graph, *, files: Mapping[str, list[str]], inputs: set[str]
) -> tuple[list[str], dict[str, Any], dict[str, Any] | None]:
    """The outputs that run, the errors of the others, and the error if none does.

    *files* are model files by folder, *inputs* the names of uploaded files.
    """
    for key, node in graph.items():
        kind = node.get("class_type")
        if kind is None or kind not in _NODES:
            title = (node.get("_meta") or {}).get("title")
            named = f"'{title}'" if title else f"'{kind}'" if kind else f"'ID #{key}'"
            message = (
                f"Node {named} not found. The custom node may not be installed."
                if kind
                else f"Node {named} has no class_type. "
                "The workflow may be corrupted or a custom node is missing."
            )
            return (
                [],
                {},
                _error(
                    "missing_node_type",
                    message,
                    f"Node ID '#{key}'",
                    {"node_id": key, "class_type": kind, "node_title": title},
                ),
            )
    outputs = [key for key, node in graph.items() if node["class_type"] in OUTPUT_NODES]
    if not outputs:
        return [], {}, _error("prompt_no_outputs", "Prompt has no outputs", "", {})
    good: list[str] = []
    wrong: dict[str, Any] = {}
    for output in outputs:
        errors = _of_output(graph, output, files, inputs)
        for key, found in errors.items():
            entry = wrong.setdefault(
                key,
                {"errors": found, "dependent_outputs": [], "class_type": graph[key]["class_type"]},
            )
            entry["dependent_outputs"].append(output)
        if not errors:
            good.append(output)
    if good:
        return good, wrong, None
    own = [each for output in outputs for each in wrong.get(output, {}).get("errors", ())]
    details = "\n".join(f"{each['message']}: {each['details']}" for each in own)
    return (
        [],
        wrong,
        _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", details, {}),
    )


def _error(type: str, message: str, details: str, extra: dict[str, Any]) -> dict[str, Any]:
    return {"type": type, "message": message, "details": details, "extra_info": extra}


def _of_output(
    graph: Graph, output: str, files: Mapping[str, list[str]], inputs: set[str]
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for key in before(graph, output):
        errors = list(_of_node(graph, key, files, inputs))
        if errors:
            found[key] = errors
    return found


def _of_node(
    graph: Graph, key: str, files: Mapping[str, list[str]], inputs: set[str]
) -> Iterator[dict[str, Any]]:
    given = graph[key]["inputs"]
    for name, raw in _NODES[graph[key]["class_type"]][0].items():
        spec = _spec(raw, files, ())
        if name not in given:
            yield _error(
                "required_input_missing", "Required input is missing", name, {"input_name": name}
            )
            continue
        try:
            _check(graph, given[name], name, spec, inputs)
        except _Invalid as error:
            yield error.data


def _check(graph: Graph, value: Any, name: str, spec: list[Any], inputs: set[str]) -> None:
    info: dict[str, Any] = {"input_name": name, "input_config": spec}
    kind, more = spec[0], spec[1] if len(spec) > 1 else {}
    if _linked(value):
        _check_link(graph, value, name, kind, info)
        return
    if kind in ("INT", "FLOAT", "STRING", "BOOLEAN"):
        try:
            value = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}[kind](value)
        except (TypeError, ValueError) as error:
            raise _Invalid(
                _error(
                    "invalid_input_type",
                    f"Failed to convert an input value to a {kind} value",
                    f"{name}, {value}, {error}",
                    {**info, "received_value": value, "exception_message": str(error)},
                )
            ) from None
    for word, sign, than in (("smaller", -1, "min"), ("bigger", 1, "max")):
        if than in more and isinstance(value, int | float) and sign * (value - more[than]) > 0:
            raise _Invalid(
                _error(
                    f"value_{word}_than_{than}",
                    f"Value {value} {word} than {than} of {more[than]}",
                    name,
                    {**info, "received_value": value},
                )
            )
    uploads = any(more.get(f"{each}_upload") for each in ("image", "video", "audio"))
    if uploads:
        if value.removesuffix(" [output]") not in inputs:
            what = "image" if more.get("image_upload") else "video" if name == "file" else "audio"
            raise _Invalid(
                _error(
                    "custom_validation_failed",
                    "Custom validation failed for node",
                    f"{name} - Invalid {what} file: {value}",
                    {"input_name": name},
                )
            )
        return
    choices = kind if isinstance(kind, list) else more.get("options")
    if choices is not None and value not in choices:
        shown = f"{choices}" if len(choices) <= 20 else f"(list of length {len(choices)})"
        raise _Invalid(
            _error(
                "value_not_in_list",
                "Value not in list",
                f"{name}: '{value}' not in {shown}",
                {**info, "received_value": value},
            )
        )


def _check_link(graph: Graph, value: Any, name: str, kind: Any, info: dict[str, Any]) -> None:
    node, slot = value
    if node not in graph:
        raise _Invalid(
            _error(
                "exception_during_inner_validation",
                "Exception when validating inner node",
                f"'{node}'",
                {**info, "exception_message": f"'{node}'", "exception_type": "KeyError"},
            )
        )
    gives = _NODES[graph[node]["class_type"]][1]
    given = gives[slot] if slot < len(gives) else "*"
    alike = {("INT", "FLOAT"), ("FLOAT", "INT")}
    if isinstance(kind, str) and given != kind and (given, kind) not in alike:
        raise _Invalid(
            _error(
                "return_type_mismatch",
                "Return type mismatch between linked nodes",
                f"{name}, received_type({given}) mismatch input_type({kind})",
                {**info, "received_type": given, "linked_node": value},
            )
        )


# What a graph asks for.


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The clip that a graph makes: sides and frames as they come out."""

    prompt: str
    width: int
    height: int
    frames: int
    fps: float
    seed: int | None
    files: Mapping[str, str]  #: the names of the inputs that count, by "image", "audio", "video"
    loras: Mapping[str, float]


def asked(graph: Graph, output: str) -> Asked:
    """What the clip at *output* will be. Latents are floored to what the model's blocks divide,
    without a word, as ComfyUI does it."""
    nodes = before(graph, output)
    width, height, frames = 64, 64, 9
    files: dict[str, str] = {}
    seed, loras = None, {}
    for key in nodes:
        kind, given = graph[key]["class_type"], graph[key]["inputs"]
        match kind:
            case "EmptyLTXVLatentVideo":
                sides = (int(_value(graph, given[side])) for side in ("width", "height"))
                width, height = (side // 32 * 32 for side in sides)
                frames = (int(_value(graph, given["length"])) - 1) // 8 * 8 + 1
            case "EmptyImage":
                sides = (int(_value(graph, given[side])) for side in ("width", "height"))
                width, height = sides
                frames = int(_value(graph, given["batch_size"]))
            case "RandomNoise":
                seed = int(_value(graph, given["noise_seed"]))
            case "LoraLoaderModelOnly":
                loras[given["lora_name"]] = float(given["strength_model"])
            case "LTXVImgToVideoInplace" if not _value(graph, given["bypass"]):
                files["image"] = _file(graph, given["image"])
            case "LTXVAddGuide":
                which = "last_image" if given["frame_idx"] == -1 else "image"
                files[which] = _file(graph, given["image"])
            case "LoadAudio":
                files["audio"] = given["audio"]
            case "LoadVideo":
                files["video"] = given["file"]
    made = next((key for key in nodes if graph[key]["class_type"] == "CreateVideo"), None)
    fps = float(_value(graph, graph[made]["inputs"]["fps"])) if made is not None else 24.0
    return Asked(
        prompt=_prompt(graph, nodes),
        width=width,
        height=height,
        frames=frames,
        fps=fps,
        seed=seed,
        files={name: file for name, file in files.items() if file},
        loras=loras,
    )


def _value(graph: Graph, value: Any) -> Any:
    """A literal, or the one that a link leads to."""
    if not _linked(value):
        return value
    given = graph[value[0]]["inputs"]
    if "value" in given:
        return _value(graph, given["value"])
    return math.nan


def _file(graph: Graph, link: Any) -> str:
    for key in before(graph, link[0]):
        if graph[key]["class_type"] == "LoadImage":
            return str(graph[key]["inputs"]["image"])
    return ""


def _prompt(graph: Graph, nodes: list[str]) -> str:
    for key in nodes:
        given = graph[key]["inputs"]
        if "positive" in given:
            for each in before(graph, given["positive"][0]):
                if graph[each]["class_type"] == "CLIPTextEncode":
                    return str(_value(graph, graph[each]["inputs"]["text"]))
    return ""
