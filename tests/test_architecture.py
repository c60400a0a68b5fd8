"""The rules a reader may rely on without reading the code; `docs/architecture.md` explains them."""

import ast
import re
import statistics
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from storage import State, job
from tests.rig.every import for_every

ROOT = Path(__file__).parent.parent
#: The packages of `bot`, from the ground up: each imports only those before it. What stands in
#: `bot/` itself (errors, settings, …) is the ground floor.
FLOORS = [
    *("words", "catalog", "media", "files", "providers"),
    *("orders", "jobs", "moderation", "chat", "app"),
]
LAYERS = ["storage", "bot", "cogs"]  # each may import those before it
#: The files that know which engine keeps the store. All others of it are given a `Database`.
SQLITE = (
    *("writer", "opening", "looking", "copying", "schema", "adopting", "schedule", "sqlite"),
    "postgresql/errors",  # which raises what SQLite raises: callers know one name for a broken rule
    "postgresql/moving",  # which reads the file that is moved
)
#: The one home of each third-party library, and of SQLite.
HOMES = {
    "aiosqlite": ("storage/writer.py",),
    "sqlite3": tuple(f"storage/{name}.py" for name in SQLITE),
    "psycopg": ("storage/postgresql/",),
    "httpx": ("bot/providers/", "bot/files/fetch.py"),
    "discord": ("bot/chat/", "bot/app/", "cogs/"),
    "pydantic_settings": ("bot/settings.py",),
    "imageio_ffmpeg": ("bot/media/ffmpeg.py", "bot/app/doctor_machine.py"),
    "prometheus_client": ("bot/app/metrics/",),
    "obstore": ("bot/files/bucket.py",),
    "re2": ("bot/orders/prompt_rules.py",),
    "simcord": ("playground/",),
}
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for layer in [*LAYERS, "playground"]
    for path in (ROOT / layer).rglob("*.py")
)
#: Where Python of ours is: what a reader may have to read.
WRITTEN = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in [*LAYERS, "playground", "tests", "tools"]
    for path in (ROOT / folder).rglob("*.py")
)
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "service", "handler", "misc"}


@cache
def tree(file):
    """*file* as it is parsed, once for all tests."""
    return ast.parse((ROOT / file).read_text())


@cache
def imports(file):
    """The modules that *file* imports, in full."""
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def floor_of(module):
    """The floor of a module of `bot`: -1 for the ground."""
    parts = module.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 and parts[1] in FLOORS else -1


@for_every(FILES)
def test_layers_import_one_way(file):
    layer, at_the_top = file.split("/")[0], file.startswith(("bot/app/", "bot/__main__"))
    for module in imports(file):
        name = module.partition(".")[0]
        if layer == "playground":
            assert name not in LAYERS, f"{file} may not import {module}"
        elif not at_the_top:  # it puts all of them together
            assert name != "playground", f"{file} may not import {module}"
            assert name not in LAYERS[LAYERS.index(layer) + 1 :], f"{file} may not import {module}"


@for_every([each for each in FILES if each.startswith("bot/")])
def test_floors_import_downward(file):
    if file == "bot/__main__.py":  # the door
        return
    mine = floor_of(file.removesuffix(".py").replace("/", "."))
    for module in imports(file):
        if module.startswith("bot."):
            assert floor_of(module) <= mine, f"{file} imports {module} from a floor above it"


def test_the_ground_floor_is_what_several_packages_need():
    ground = {path.stem for path in (ROOT / "bot").glob("*.py")} - {"__init__", "__main__"}
    users = {name: set() for name in ground}
    for file in FILES:
        for module in imports(file):
            parts = module.split(".")
            if parts[0] == "bot" and len(parts) > 1 and parts[1] in ground:
                users[parts[1]].add(file.split("/")[1] if file.startswith("bot/") else "cogs")
    said = (ROOT / "docs" / "architecture.md").read_text()
    for name, packages in users.items():
        assert len(packages) > 1, f"bot/{name}.py belongs to its only user, {packages}"
        assert f"`{name}`" in said, f"docs/architecture.md does not say why {name} is there"


@for_every(FILES)
def test_each_library_has_one_home(file):
    for module in imports(file):
        home = HOMES.get(module.partition(".")[0])
        if home is not None and not file.startswith("playground/"):
            assert file.startswith(home), f"{module} does not live in {file}"


@for_every([each for each in FILES if each.startswith("cogs/")])
def test_a_cog_calls_what_decides_and_not_the_store(file):
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Attribute):
            assert node.attr != "store", f"{file}:{node.lineno} reaches into the store"


STORAGE = [each for each in FILES if each.startswith("storage/")]


@for_every([file for file in FILES if not file.startswith("playground/")])
def test_first_answers_are_given_in_one_place(file):
    """Who gives one has to know that a lost confirmation may be a yes."""
    if file != "bot/chat/answering.py":
        given = re.compile(r"\.response\.(send_message|defer|edit_message|send_modal|is_done)\b")
        assert given.findall((ROOT / file).read_text()) == []


@for_every(STORAGE)
def test_storage_is_written_once(file):
    """A function stands in the file of its table, with its docstring; `parts.py` only names it."""
    text = (ROOT / file).read_text()
    assert len(text.splitlines()) <= 450, f"{file} is about more than one thing"
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom):
            private = [each.name for each in node.names if each.name.startswith("_")]
            assert not private, f"{file}:{node.lineno} imports {private} from another file"
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = ast.get_docstring(node) or ""
            assert not docstring.startswith("See `"), f"{file} sends its reader elsewhere"


def test_the_store_binds_functions_and_adds_little():
    """A method of its own stands in `parts.py` only where one transaction is not enough."""
    files = ("storage/parts.py", "storage/monitoring.py")
    parts = [
        node
        for file in files
        for node in tree(file).body
        if isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == ["Part"]
    ]
    assert parts
    own = {each.name for part in parts for each in part.body if hasattr(each, "args")}
    said = {"admit", "serves", "server", "forget", "tidy", "_clear_words", "with_words"}
    assert own == said
    for part in parts:
        for each in part.body:
            if isinstance(each, ast.Assign):
                kind = ast.unparse(each.value).partition("(")[0].removesuffix("_at")
                assert kind in {"read", "read_long", "write", "erase"}, ast.unparse(each)


#: The one file that says which states there are and which belong together.
STATES = "storage/job.py"
#: Words that are also the name of a state, where they mean something else.
ORDINARY = {
    "storage/adopting.py": {"review"},  # a table of an old schema
    "bot/app/cli.py": {"unclear"},  # a mishap of the playground, as it is typed
    "bot/moderation/audit_words.py": {"closed"},  # what people read
    "bot/words/endings.py": {"failed"},  # what people read
    "bot/providers/_comfyui/failures.py": {"cancelled"},  # the server's own words
    "bot/providers/_comfyui/following.py": {"failed", "cancelled"},  # the same
    "bot/providers/_comfyui/server.py": {"failed", "cancelled"},  # the same
    "bot/providers/apixo.py": {"failed"},  # the company's own word
    "bot/providers/ltx.py": {"failed"},  # the company's own word
    "bot/providers/pixazo.py": {"queued", "failed", "cancelled", "done"},  # the company's words
}


def texts(tree):
    """Each text in *tree* but docstrings and the values of enumerations, which are other words."""
    left = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                left.add(first.value)
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(b) for b in node.bases):
            left |= {each.value for each in node.body if isinstance(each, ast.Assign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left:
            yield node


def states_in(nodes):
    """The states among *nodes*, such as `State.DONE`."""
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "State"
    }


def test_states_are_named_in_one_place():
    """A state's name is quoted, in Python or SQL, in one file only; and so is each set of them."""
    names, met = {str(state) for state in State}, {}
    quoted = re.compile(rf"""['"]({"|".join(names)})['"]""")
    sets = {each for each in vars(job).values() if isinstance(each, frozenset)} | {frozenset(State)}
    for file in FILES:
        if file == STATES or file.startswith("playground/"):
            continue
        for node in texts(tree(file)):
            assert not quoted.search(node.value), f"{file}:{node.lineno} quotes a state in SQL"
            if node.value in names:
                met.setdefault(file, set()).add(node.value)
        for node in ast.walk(tree(file)):
            if isinstance(node, (ast.Set, ast.List, ast.Tuple)):
                found = states_in(node.elts)
                assert len(found) < 2, f"{file}:{node.lineno} makes a set of states of its own"
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"set", "frozenset"}:
                assert not states_in(node.args), f"{file}:{node.lineno} makes a set of states"
            if isinstance(node, ast.Dict) and states_in(node.keys):
                found = frozenset(State[name] for name in states_in(node.keys))
                assert found in sets, f"{file}:{node.lineno} says something of some states only"
    assert met == ORDINARY


def test_words_know_no_discord_and_do_nothing():
    for file in FILES:
        if file.startswith("bot/words/"):
            found = {module.partition(".")[0] for module in imports(file)}
            assert not found & {"discord", "asyncio", "aiohttp", "httpx", "pathlib"}, file


def test_every_package_says_what_it_holds():
    for package in {Path(file).parent for file in FILES}:
        docstring = ast.get_docstring(tree(f"{package}/__init__.py"))
        assert docstring, f"{package}/__init__.py does not say what is in {package}"


@for_every(FILES)
def test_a_file_says_its_reason_to_exist_in_its_first_line(file):
    docstring = ast.get_docstring(tree(file))
    assert docstring, f"{file} does not say what it is for"
    assert len(docstring.splitlines()[0]) > 15


@for_every(FILES)
def test_a_name_says_something(file):
    assert not VAGUE & set(Path(file).stem.strip("_").split("_")), file


def test_no_module_needs_itself():
    """No import cycle: between modules of ours, those within functions left out."""
    known = {each.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for each in FILES}
    needs = {}
    for file in FILES:
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        parsed = tree(file)
        package = module if file.endswith("__init__.py") else module.rpartition(".")[0]
        needs[module] = set()
        for node in parsed.body:
            if isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = package.split(".")
                    parts = parts[: len(parts) - node.level + 1]
                    base = ".".join([*parts, base] if base else parts)
                names = {f"{base}.{alias.name}" for alias in node.names} & known
                needs[module] |= names or ({base} & known)
    done, path = set(), []

    def visit(module):
        if module in path:
            pytest.fail(" → ".join([*path[path.index(module) :], module]))
        if module in done:
            return
        path.append(module)
        for needed in sorted(needs.get(module, ())):
            visit(needed)
        path.pop()
        done.add(module)

    for module in sorted(needs):
        visit(module)


def test_only_boundaries_catch_everything():
    """Each broad except logs or apologises; the list is short, and known."""
    found = Counter()
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ExceptHandler):
                caught = "" if node.type is None else ast.unparse(node.type)
                if node.type is None or re.search(r"\b(Base)?Exception\b", caught):
                    found[file] += 1
    product = {file: n for file, n in found.items() if not file.startswith("playground/")}
    lines = sum(
        len((ROOT / file).read_text().splitlines())
        for file in FILES
        if not file.startswith("playground/")
    )
    assert sum(product.values()) <= 0.6 * lines / 1000, product


def test_a_path_that_somebody_typed_is_read_in_one_place():
    """`expanduser` raises where there is no such user, which everybody else forgets."""
    reads = {file for file in FILES if "expanduser" in (ROOT / file).read_text()}
    assert reads == {"bot/settings.py", "playground/people/say.py"}


def test_files_and_functions_stay_small():
    """A file is read in one sitting: half of them have at most 150 lines, none over 600."""
    sizes = {
        file: len((ROOT / file).read_text().splitlines())
        for file in FILES
        if not file.startswith("playground/")
    }
    assert statistics.median(sizes.values()) <= 150
    assert {file: size for file, size in sizes.items() if size > 600} == {}
    for file in sizes:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 80, f"{file}: {node.name} is too long"


def test_the_pages_files_stay_small_too():
    page = ROOT / "playground" / "page"
    found = [*page.rglob("*.js"), *page.rglob("*.css"), *page.rglob("*.html")]
    assert len(found) > 40
    assert [file for file in found if len(file.read_text().splitlines()) > 600] == []


@for_every(WRITTEN)
def test_a_file_of_more_than_600_lines_says_why_it_is_one(file):
    """Its docstring holds a line that begins with "One file:" and goes on with the reason."""
    length = len((ROOT / file).read_text().splitlines())
    said = (ast.get_docstring(tree(file)) or "").splitlines() if length > 600 else []
    assert length <= 600 or any(re.match(r"One file: \w+ \w+", line) for line in said), (
        f"{length} lines, and no line that says “One file: …” in its docstring"
    )
