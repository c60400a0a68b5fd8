"""A pair of files is a model: what it offers, what is refused of it, and the graph that is sent."""

import json
from datetime import date
from decimal import Decimal

import pytest

from bot.catalog.complete import complete
from bot.catalog.model import Unfit
from bot.providers._comfyui.addresses import addresses
from bot.providers._comfyui.fill import filled
from bot.providers._comfyui.graph import BadWorkflow, Graph, loaded
from bot.providers._comfyui.workflow import loaded_from, named_size, read_workflow
from bot.settings import BadSetting
from playground.providers.simulated import WORKFLOWS
from storage import Brief, Input, Lora, Mode
from tests.rig.gpus import WEIGHTLESS, WEIGHTLESS_MANIFEST, small_workflows

GRAPH = (WORKFLOWS / "ltx-text.json").read_text()
MANIFEST = (WORKFLOWS / "ltx-text.toml").read_text()
PICTURE = Input(file="inputs/1.png", type="image/png", size=1000, width=192, height=108)


def read(graph=GRAPH, manifest=MANIFEST, *, usd="0"):
    return read_workflow(
        "it", graph, manifest, usd_per_second=Decimal(usd), dated=date(2026, 11, 28)
    )


def playgrounds(name):
    found, wrong = loaded_from(WORKFLOWS, usd_per_second=Decimal(0))
    assert wrong == {}
    return found[name]


def sent(workflow, brief, **more):
    given = {"prompt_id": "an-id", "files": {}, "loras": {}, **more}
    return Graph(filled(workflow, brief, **given))


# What it offers.


def test_a_workflow_is_a_model_with_its_sizes_rates_and_lengths():
    model = read().model
    capability = model.capability(Mode.TEXT)
    assert capability.values("resolution") == ["480p", "720p"]
    assert capability.values("aspect") == ["16:9", "9:16"]
    assert capability.values("fps") == [24, 25]
    assert capability.durations("720p") == list(range(2, 11))
    assert (capability.seeds[0], capability.loras, capability.lora_names) == (0, 3, ())
    assert not any(capability.price.per_second.values()), "one's own machine is free"


@pytest.mark.parametrize(
    ("wish", "size", "seconds"),
    [
        ({"resolution": "720p", "aspect": "16:9", "duration": 5, "fps": 24}, "1280x704", None),
        ({"resolution": "720p", "aspect": "16:9", "duration": 5, "fps": 25}, "1280x704", 121 / 25),
        ({"resolution": "720p", "aspect": "9:16", "duration": 4, "fps": 24}, "704x1280", None),
        ({"resolution": "480p", "duration": 3, "fps": 25}, "832x480", 73 / 25),
    ],
)
def test_the_brief_says_what_will_come_out(wish, size, seconds):
    brief = complete(read().model, Brief(prompt="a fox", **wish), seed=1)
    assert (brief.size, brief.seconds) == (size, seconds)


def test_a_brief_that_goes_to_another_model_forgets_what_came_out_here():
    other = read(manifest=MANIFEST.replace('"1280x704", ', "")).model
    brief = complete(read().model, Brief(prompt="x", resolution="720p", aspect="9:16"), seed=1)
    assert complete(other, brief, seed=1).size == "704x1280"
    plain = read(WEIGHTLESS, WEIGHTLESS_MANIFEST).model
    assert complete(plain, brief.but(resolution=None, aspect=None, duration=2, fps=24), seed=1) == (
        brief.but(resolution="480p", aspect="16:9", duration=2, fps=24, size="448x256", seed=7).but(
            seed=brief.seed, seconds=None
        )
    )


def test_sides_are_floored_to_what_the_models_latents_divide():
    two_passes = json.loads(GRAPH)
    two_passes["13"]["class_type"] = "LTXVLatentUpsampler"
    asks = MANIFEST.replace('"1280x704", "704x1280", "832x480"', '"1280x720", "1920x1080"')
    one = read(manifest=asks).model.capability(Mode.TEXT).sizes
    two = read(json.dumps(two_passes), asks).model.capability(Mode.TEXT).sizes
    assert [*one.values()] == [(1280, 704), (1920, 1056)]
    assert [*two.values()] == [(1280, 704), (1920, 1024)]


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((1280, 704), ("720p", "16:9")),
        ((704, 1280), ("720p", "9:16")),
        ((768, 768), ("720p", "1:1")),
        ((1920, 1088), ("1080p", "16:9")),
        ((448, 256), ("480p", "16:9")),
        ((3840, 2176), ("4K", "16:9")),
    ],
)
def test_a_size_has_the_name_that_people_use(size, name):
    assert named_size(*size) == name


def test_a_shape_that_people_cannot_choose_is_refused():
    with pytest.raises(BadWorkflow, match="none of the shapes 16:9, 9:16, 1:1"):
        named_size(1024, 768)


def test_an_operator_says_what_a_second_costs():
    price = read(usd="0.02").model.capability(Mode.TEXT).price
    assert price.usd(Brief(duration=5), 5.0) == Decimal("0.10")
    own = read(manifest=MANIFEST.replace("[inputs]", "price = {base = 1}\n[inputs]"), usd="0.02")
    assert own.model.capability(Mode.TEXT).price.usd(Brief(duration=5), 5.0) == 1


# What is refused.


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        ("{", "not JSON"),
        ("[]", "no workflow in ComfyUI's API format"),
        ("{}", "no workflow"),
        ('{"nodes": [], "links": [], "version": 0.4}', r"Export it with Workflow › Export \(API\)"),
        ('{"1": {"inputs": {}}}', "entry '1' is no node"),
        ('{"1": {"class_type": "X", "inputs": []}}', "no node"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_workflow_is_refused_with_what_to_do(graph, why):
    with pytest.raises(BadWorkflow, match=why):
        loaded(graph)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("title = ", "titel = ", "title can't be used: it is missing"),
        ('mode = "text"', 'mode = "hdr"', "mode"),
        ('output = "title:Save Video"', 'output = "99"', "there is no node '99'"),
        ('output = "title:Save Video"', 'output = "15"', "a CreateVideo, which saves no clip"),
        ('prompt = "2.value"', 'prompt = "2.words"', "node '2' has no input 'words'"),
        ('prompt = "2.value"', 'prompt = "value"', "write node.input"),
        ('prompt = "2.value"', "", "the mode text needs inputs.prompt"),
        ('prompt = "2.value"', 'prompt = "title:Nobody.value"', "no node is titled 'Nobody'"),
        ('mode = "text"', 'mode = "image"', "the mode image needs inputs.image"),
        ('mode = "text"', 'mode = "extend"', "the mode extend needs inputs.video"),
        ('width = "5.value"', "", "both width and height, or neither"),
        ('frames = "7.value"', 'frames = "7.value"\nseconds = "7.value"', "not both"),
        ("seconds = [2, 10]", "", "say how long its clips may be"),
        ("fps = [24, 25]", "", "say fps"),
        ('fps = "8.value"', "", "several rates"),
        ('"1280x704"', '"1280 x 704"', "sizes.0 can't be used"),
        ('"1280x704"', '"1280x704", "1216x704"', "two of its sizes are called 720p 16:9"),
        ('loras_after = ["1", 0]', 'loras_after = ["16", 0]', "nothing takes"),
        ("[inputs]", '[fixed]\n"77.x" = 1\n[inputs]', "there is no node '77'"),
        ("[inputs]", "[inputs", "not valid TOML"),
    ],
)
def test_a_manifest_that_does_not_fit_its_graph_is_refused(old, new, why):
    assert old in MANIFEST
    with pytest.raises(BadWorkflow, match=why):
        read(manifest=MANIFEST.replace(old, new))


def test_a_bad_workflow_is_left_out_and_the_others_are_there(tmp_path):
    folder = small_workflows(
        tmp_path / "w",
        also={
            "alone.json": GRAPH,
            "lonely.toml": MANIFEST,
            "editor.json": '{"nodes": [], "links": []}',
            "editor.toml": MANIFEST,
            "foreign.json": GRAPH,
        },
    )
    (folder / "foreign.toml").write_bytes("# é".encode("latin-1"))
    found, wrong = loaded_from(folder, usd_per_second=Decimal(0))
    assert sorted(found) == ["ltx-frames", "ltx-sound", "ltx-text"]
    assert "`dailies workflows import` writes one" in wrong["alone"]
    assert "no lonely.json" in wrong["lonely"]
    assert "Export (API)" in wrong["editor"]
    assert wrong["foreign"] == "it can't be read: it is not UTF-8 text"


def test_no_folder_is_no_workflow(tmp_path):
    assert loaded_from(tmp_path / "none", usd_per_second=Decimal(0)) == ({}, {})


# What is sent.


def test_only_what_the_manifest_names_is_changed():
    workflow = read()
    brief = Brief(prompt="a fox", size="832x480", duration=5, fps=25, seed=9)
    graph = sent(workflow, brief)
    before, after = workflow.graph.nodes, graph.nodes
    changed = {
        f"{node}.{name}": value
        for node in after
        for name, value in after[node]["inputs"].items()
        if before[node]["inputs"][name] != value
    }
    assert changed == {
        "2.value": "a fox",
        "5.value": 832,
        "6.value": 480,
        "8.value": 25.0,
        "12.noise_seed": 9,
        "16.filename_prefix": "dailies/an-id",
    }
    assert after["7"]["inputs"]["value"] == 121
    assert isinstance(after["8"]["inputs"]["value"], float), "a node that takes floats gets one"


def test_a_second_pass_has_noise_of_its_own():
    nodes = json.loads(GRAPH) | {"99": json.loads(GRAPH)["12"]}
    twice = MANIFEST.replace('seed = "12.noise_seed"', 'seed = ["12.noise_seed", "99.noise_seed"]')
    graph = sent(read(json.dumps(nodes), twice), Brief(prompt="x", seed=5))
    assert [graph.inputs_of(node)["noise_seed"] for node in ("12", "99")] == [5, 6]


def test_a_frame_that_is_not_given_has_its_literals_and_a_blank():
    workflow = playgrounds("ltx-frames")
    brief = Brief(mode=Mode.IMAGE, prompt="", size="832x480", duration=2, fps=24, image=PICTURE)
    files = {"image": "dailies/a.png", "last_image": "dailies/blank.png"}
    graph = sent(workflow, brief, files=files)
    assert graph.inputs_of("20")["image"] == "dailies/a.png"
    assert graph.inputs_of("21")["image"] == "dailies/blank.png"
    assert graph.inputs_of("23")["strength"] == 0.0
    assert graph.inputs_of("2")["value"] == "", "not the words that the file came with"
    both = sent(workflow, brief.but(last_image=PICTURE), files=files)
    assert both.inputs_of("23")["strength"] == 0.8


def test_loras_stand_in_a_row_behind_the_model():
    graph = sent(read(), Brief(prompt="x"), loras={"a.safetensors": 0.5, "b.safetensors": 1.0})
    assert graph.inputs_of("11")["model"] == ["dailies-lora-2", 0]
    assert graph.inputs_of("dailies-lora-2") == {
        "lora_name": "b.safetensors",
        "strength_model": 1.0,
        "model": ["dailies-lora-1", 0],
    }
    assert graph.inputs_of("dailies-lora-1")["model"] == ["1", 0]
    assert graph.inputs_of("3")["clip"] == ["1", 1], "other outputs of that node stay linked"


def test_a_link_is_cut_where_a_value_is_set():
    graph = loaded(GRAPH).copy()
    graph.set("9.width", 640)
    assert graph.inputs_of("9")["width"] == 640
    assert loaded(GRAPH).inputs_of("9")["width"] == ["5", 0]


def test_a_sound_decides_how_long_its_clip_is():
    sound = Input(file="inputs/1.mp3", type="audio/mpeg", size=1000, seconds=3.2)
    brief = Brief(mode=Mode.AUDIO, prompt="x", size="832x480", fps=24, audio=sound)
    graph = sent(playgrounds("ltx-sound"), brief, files={"audio": "dailies/s.mp3"})
    assert graph.inputs_of("7")["value"] == 73  # 3.2 s are 76.8 frames: whole blocks, and one
    assert graph.inputs_of("22")["value"] is True, "there is no image"


def test_a_clip_that_is_retaken_keeps_its_size():
    manifest = MANIFEST.replace('mode = "text"', 'mode = "retake"') + 'video = "60.file"\n'
    nodes = json.loads(GRAPH) | {"60": {"class_type": "LoadVideo", "inputs": {"file": "a.mp4"}}}
    clip = Input(
        file="1.mp4", type="video/mp4", size=1, width=512, height=896, seconds=2.0, fps=24.0
    )
    brief = Brief(mode=Mode.RETAKE, prompt="x", video=clip, start=0.0, duration=2)
    graph = sent(read(json.dumps(nodes), manifest), brief, files={"video": "dailies/c.mp4"})
    assert [graph.inputs_of(node)["value"] for node in ("5", "6", "7")] == [512, 896, 49]
    assert graph.inputs_of("60")["file"] == "dailies/c.mp4"


# LoRAs by name.


def test_a_lora_is_chosen_by_its_name_and_by_no_link():
    model = read().with_loras({"claymation.safetensors", "styles/noir.safetensors"})
    for name in ("claymation", "claymation.safetensors", "styles/noir"):
        assert complete(model, Brief(prompt="x", loras=(Lora(path=name),)), seed=1).loras
    with pytest.raises(Unfit, match=r"has no LoRA .*oil"):
        complete(model, Brief(prompt="x", loras=(Lora(path="oil"),)), seed=1)
    with pytest.raises(Unfit, match="LoRAs by name, not by link"):
        complete(
            model, Brief(prompt="x", loras=(Lora(path="https://x.example/a.safetensors"),)), seed=1
        )


def test_while_no_server_was_asked_any_name_may_be_one():
    assert complete(read().model, Brief(prompt="x", loras=(Lora(path="oil"),)), seed=1).loras


def test_an_operator_says_which_loras_people_may_use():
    workflow = read(manifest=MANIFEST.replace("[inputs]", 'loras_allowed = "styles/*"\n[inputs]'))
    model = workflow.with_loras({"claymation.safetensors", "styles/noir.safetensors"})
    assert model.capability(Mode.TEXT).lora_names == ("styles/noir.safetensors",)


# Addresses.


def test_servers_are_called_as_their_addresses_say():
    found = addresses("http://gpu1:8188, http://gpu2:9000/comfy/,x=https://u:p%40w@h.example")
    assert [(each.name, each.base) for each in found] == [
        ("gpu1", "http://gpu1:8188"),
        ("gpu2:9000", "http://gpu2:9000/comfy"),
        ("x", "https://h.example"),
    ]
    assert found[2].headers == {"Authorization": "Basic dTpwQHc="}
    assert "dTpwQHc" not in repr(found)


def test_headers_go_to_all_or_to_the_one_they_are_for():
    said = '{"X-Key": "all", "gpu2": {"Authorization": "Bearer two"}}'
    one, two = addresses("http://gpu1:8188,http://gpu2:8188", said)
    assert one.headers == {"X-Key": "all"}
    assert two.headers == {"X-Key": "all", "Authorization": "Bearer two"}


@pytest.mark.parametrize(
    "urls",
    [
        "gpu1:8188",
        "ftp://gpu1",
        "http://",
        "http://a?x=1",
        "http://a#b",
        "http://a b",
        ",",
        "http://a:x",
        "http://a\\b",
    ],
)
def test_what_is_no_address_is_refused(urls):
    with pytest.raises(BadSetting, match="COMFYUI_URLS can't be used"):
        addresses(urls)


def test_two_servers_need_two_names():
    with pytest.raises(BadSetting, match="two servers are called gpu1"):
        addresses("http://gpu1:8188,https://gpu1:8188")


@pytest.mark.parametrize(
    "headers",
    [
        "Bearer x",
        "[]",
        '{"gpu9": {"A": "b"}}',
        '{"A": 5}',
        '{"A": "b\\nc"}',
        '{"Host": "x"}',
        '{"A b": "c"}',
    ],
)
def test_what_are_no_headers_is_refused_without_being_shown(headers):
    with pytest.raises(BadSetting, match="COMFYUI_HEADERS can't be used") as caught:
        addresses("http://gpu1:8188", headers)
    assert "Bearer" not in str(caught.value).replace("Bearer …", "")
