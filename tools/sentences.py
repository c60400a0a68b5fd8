"""Lists every sentence that people can meet, with where it is written: docs/sentences.md.

Run by `make documents`, or alone: `python -m tools.sentences`. The list is read from the code, so
it is complete by construction: a text is left out only where nobody sees it (logs, docstrings,
SQL, patterns, errors that are bugs).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "sentences.md"
#: In the order in which they are read: what members see first, then moderators, then operators.
PACKAGES = (
    *("bot/words", "cogs", "bot/chat", "bot/orders", "bot/catalog", "bot/jobs", "bot/providers"),
    *("bot/moderation", "bot/media", "bot/files", "bot", "storage", "playground"),
)
ERRORS_ONLY = "storage/"  #: it knows no people: of it, only what it raises is read

#: What is raised with a sentence for a person, and the functions that make such an exception.
ERRORS = frozenset(
    {
        *("Refusal", "Private", "Unfit", "Busy", "Trouble", "Unclear", "MediaError"),
        *("QuotedRefusal", "ConfirmationNeeded", "Denied", "Lost", "Gone", "Undeliverable"),
        *("BadSetting", "Exit", "CannotOpen", "Damaged", "Locked", "NewerSchema", "WrongSchema"),
        *("DiskTrouble", "FfmpegError"),
    }
)
#: Files whose `ValueError`s are read by people, and what those are; any other one is a bug.
SPOKEN = {"bot/settings.py": "label", "storage/periods.py": "error"}
#: Arguments that are a whole text of their own, however short.
LABELS = frozenset({"label", "placeholder", "title", "description", "help", "metavar"})
#: Arguments that nobody but the operator's log gets.
HIDDEN = frozenset(
    {
        "raw",
        "stderr",
        "thread_name_prefix",
        "custom_id",
        "source",
        "kind",
        "nonce",
        "prog",
        "media_type",
        "headers",
    }
)
#: Calls whose texts are no sentences: logs, patterns, SQL, bugs.
SILENT = re.compile(
    r"(^|\.)(log|logger|logging|_log|warnings)\.|^re2?\.|\.(execute\w*|fetch\w*|compile)$"
    r"|create_task$|^(nonce|prepare|TypeError|KeyError|RuntimeError|AssertionError|LookupError"
    r"|NotImplementedError|IndexError|ConnectionError|TypeVar|NewType|cast|getattr|hasattr|Path)$"
)
#: Files whose texts nobody reads: formats of machines, and what imitates Discord and companies.
UNREAD = re.compile(
    r"^storage/migrations|/_preview/|^bot/media/(charts|ffmpeg)\.py$"
    r"|^playground/(discord|providers)/|^bot/app/simulated_render\.py$|\.test\.js$"
)
#: A text of the playground's page: it begins with a capital and has several words.
_JS = re.compile(r"""(["`])([A-Z“][^"`\n]*? [^"`\n]+)\1""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One text. *kind* is "error", "command", "label" or "text"; *file* is where it is written."""

    file: str
    line: int
    where: str  #: the function or class around it
    kind: str
    text: str  #: what is filled in stands in braces


def sentences() -> list[Sentence]:
    """Every text that people can meet, by file and line."""
    found: list[Sentence] = []
    read: set[str] = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file not in read and not UNREAD.search(file):
                read.add(file)
                said = _Reader(file).read(path.read_text(encoding="utf-8"))
                errors_only = file.startswith(ERRORS_ONLY)
                found.extend(each for each in said if not errors_only or each.kind == "error")
    for path in sorted((ROOT / "playground" / "page").rglob("*.js")):
        found.extend(_of_page(path))
    return found


def _of_page(path: Path) -> Iterator[Sentence]:
    """The texts of a file of the playground's page."""
    file = path.relative_to(ROOT).as_posix()
    if UNREAD.search(file):
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip().startswith(("//", "*", "/*")):
            continue
        for text in _JS.finditer(line):
            said = re.sub(r"\$\{([^{}]|\{[^{}]*\})*\}", "{…}", text[2])
            yield Sentence(file=file, line=number, where="page", kind="text", text=said)


class _Reader:
    """Reads one file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def read(self, source: str) -> Iterator[Sentence]:
        """The texts of *source*, in the order of its lines."""
        yield from self._of(ast.parse(source), where="", kind="text")

    def _of(self, node: ast.AST, *, where: str, kind: str) -> Iterator[Sentence]:
        match node:
            case ast.Constant(value=str()) | ast.JoinedStr():
                yield from self._text(node, where=where, kind=kind)
                return
            case ast.BinOp(op=ast.Add()) if (text := _joined(node)) is not None:
                yield from self._kept(node, text, where=where, kind=kind)
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from self._definition(node, where=where)
                return
            case ast.Call():
                yield from self._call(node, where=where, kind=kind)
                return
            case ast.Assert() | ast.AnnAssign(value=None) | ast.Compare() | ast.Subscript():
                return
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                return
            case ast.AnnAssign(value=ast.expr() as value):
                yield from self._of(value, where=where, kind=kind)
                return
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if key is not None and not isinstance(key, ast.Constant):
                        yield from self._of(key, where=where, kind=kind)
                    yield from self._of(value, where=where, kind=kind)
                return
        for child in ast.iter_child_nodes(node):
            if not _is_docstring(node, child):
                yield from self._of(child, where=where, kind=kind)

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, *, where: str
    ) -> Iterator[Sentence]:
        inside = f"{where}.{node.name}".strip(".")
        document = ast.get_docstring(node)
        if document is not None and _is_command(node):
            for paragraph in _paragraphs(document, renamed=_renamed(node)):
                yield Sentence(
                    file=self._file,
                    line=node.lineno,
                    where=inside,
                    kind="command",
                    text=paragraph,
                )
        if isinstance(node, ast.ClassDef):
            for keyword in node.keywords:
                if keyword.arg == "group_description":
                    yield from self._of(keyword.value, where=inside, kind="command")
        else:
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    yield from self._of(default, where=inside, kind="text")
        for child in node.body:
            if not _is_docstring(node, child):
                yield from self._of(child, where=inside, kind="text")

    def _call(self, node: ast.Call, *, where: str, kind: str) -> Iterator[Sentence]:
        name = ast.unparse(node.func)
        if SILENT.search(name):
            return
        inner = "error" if name.rpartition(".")[2] in ERRORS else kind
        if name == "ValueError":
            if self._file not in SPOKEN:
                return
            inner = SPOKEN[self._file]
        yield from self._of(node.func, where=where, kind=kind)
        for argument in node.args:
            yield from self._of(argument, where=where, kind=inner)
        for keyword in node.keywords:
            if keyword.arg in HIDDEN:
                continue
            label = keyword.arg in LABELS and isinstance(
                keyword.value, ast.Constant | ast.JoinedStr
            )
            yield from self._of(keyword.value, where=where, kind="label" if label else inner)

    def _text(
        self, node: ast.Constant | ast.JoinedStr, *, where: str, kind: str
    ) -> Iterator[Sentence]:
        yield from self._kept(node, _plain(node), where=where, kind=kind)
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from self._of(part.value, where=where, kind="text")

    def _kept(self, node: ast.expr, text: str, *, where: str, kind: str) -> Iterator[Sentence]:
        text = text.strip("\n")
        if _is_said(text, kind):
            yield Sentence(file=self._file, line=node.lineno, where=where, kind=kind, text=text)


def _is_said(text: str, kind: str) -> bool:
    if kind in ("error", "label", "command"):
        return re.search(r"[A-Za-z]{2}", re.sub(r"\{.*?\}", "", text)) is not None
    words = re.sub(r"\{.*?\}|`.*?`", "x", text)
    if re.match(
        r"\s*(SELECT|INSERT|UPDATE|DELETE|PRAGMA|CREATE|BEGIN|WITH|AND|FROM|WHERE)\b", text
    ):
        return False
    if (
        "HTTP/1" in text
        or "charset=" in text
        or re.search(r"\b(SELECT|WHERE|COALESCE|ORDER BY|IS NULL|IS NOT)\b", text)
    ):
        return False
    return re.search(r"[A-Za-z]{2,}[,.;:!?’”)]* +[“(]?[A-Za-z]|^[A-Z][a-z]+…?$", words) is not None


def _joined(node: ast.expr) -> str | None:
    """Texts that are added to one another, as one; None where something else is added."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return _plain(node)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = _joined(left), _joined(right)
            return None if first is None or second is None else first + second
    return None


def _plain(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append("{" + _short(part.value) + "}")
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return "".join(parts)


def _short(node: ast.expr) -> str:
    """What is filled in, in a word or two."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Call(func=func, args=args) if len(args) > 0:
            return f"{_short(func)} {_short(args[0])}"
        case ast.Call(func=func):
            return _short(func)
        case ast.Constant(value=value) if str(value).strip():
            return str(value)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_short(body).strip()} or {_short(orelse).strip()}"
        case ast.Subscript(value=value) | ast.Await(value=value):
            return _short(value)
        case ast.BinOp(left=left):
            return _short(left)
    return "…"


def _is_docstring(parent: ast.AST, child: ast.AST) -> bool:
    return (
        isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(child, ast.Expr)
        and isinstance(child.value, ast.Constant)
    ) or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))


def _is_command(node: ast.AST) -> bool:
    """Whether a definition is a command of Discord: its docstring is shown."""
    decorators = getattr(node, "decorator_list", [])
    names = [ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in decorators]
    return "command" in names or "context_menu" in names


def _renamed(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> dict[str, str]:
    """What a command's options are called where they are shown, by their names in the code."""
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
    return {
        keyword.arg: str(keyword.value.value)
        for call in calls
        if ast.unparse(call.func).endswith(".rename")
        for keyword in call.keywords
        if keyword.arg is not None and isinstance(keyword.value, ast.Constant)
    }


def _paragraphs(document: str, *, renamed: Mapping[str, str]) -> Iterator[str]:
    """The parts of a command's docstring that are shown: what it does, and each parameter."""
    head, _, parameters = document.partition("Parameters\n----------\n")
    if head.strip():
        yield " ".join(head.split())
    name = ""
    for line in parameters.splitlines():
        if line and not line.startswith(" "):
            name = renamed.get(line.rstrip(":"), line.rstrip(":"))
        elif line.strip():
            yield f"{name}: {line.strip()}"


def document(found: list[Sentence]) -> str:
    """The page."""
    lines = [
        "# Every sentence",
        "",
        "Made from the code by `make documents`, so do not edit this page. Edit the sentence",
        "where it is written, then run the command again. Braces hold what is filled in.",
        "",
    ]
    file = ""
    for each in found:
        if each.file != file:
            file = each.file
            lines += ["", f"## {file}", ""]
        # As code, so that its marks are seen; a link in it is none of this page's.
        said = each.text.replace("\n", " ⏎ ").replace("```", "´´´").replace("](", "] (")
        lines.append(f"- `{each.where or 'module'}` · {each.kind} · `` {said} ``")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(document(sentences()))
