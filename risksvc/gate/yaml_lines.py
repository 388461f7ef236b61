"""Reads a YAML file that a person wrote into mappings, lists and text, each with its line.

Rule 1: a scalar stays the text that was written. YAML would make 0.1 a float, 1:30 a number of minutes, 010 an octal
and NO a boolean; what a text means is its key's business. Only an empty value, `~` and `null` are None.
Rule 2: what YAML lets pass in silence or could mean two things is refused: the same key twice, several documents,
anchors and aliases (each limit stands on its own line, and nothing grows when it is read), tags, keys that aren't text.
Rule 3: reading ends. Size, depth and number of entries are bounded, and no constructor runs.

Any input gives a tree or problems; no other exception escapes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from risksvc.gate.config_problems import FileProblem, dotted, shown
from risksvc.gate.regular_file import FileRefusedError, read_whole

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 16
MAX_ENTRIES = 400_000  # keys, values, items: twice what 10,000 instruments with four limits each have
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# What YAML 1.1 allows in a file, less the lone surrogates that UTF-8 can't hold.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# libyaml where PyYAML was built with it (every wheel is): 20 times as fast.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Quoted(str):
    """Text in quotes or in a block: never null, a number or a boolean by accident."""

    __slots__ = ()


class YamlMapping(dict[str, "Node"]):
    """A mapping. `line` is where it begins, `lines` where each key stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class YamlList(list["Node"]):
    """A list. `line` is where it begins, `lines` where each item stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


Node = YamlMapping | YamlList | str | None
KeyPath = tuple[str | int, ...]  # keys and list indexes from the root


class UnreadableError(Exception):
    """The file gives no tree at all. `problem` says why."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its text as read, its root, and what is wrong with its form (the tree is whole all the same)."""

    file: str
    text: str
    root: YamlMapping
    problems: tuple[FileProblem, ...]
    spoiled: frozenset[str]  # keys whose value a problem has already been told about

    def line(self, path: KeyPath) -> int:
        """Where a path stands, or the nearest part of it that the file has; 0 for the file as a whole."""
        node: Node = self.root
        line = self.root.line if path else 0
        for step in path:
            if isinstance(node, YamlMapping):
                line, node = node.lines.get(str(step), line), node.get(str(step))
            elif isinstance(node, YamlList) and isinstance(step, int) and step < len(node):
                line, node = node.lines[step], node[step]
        return line

    def problem(self, path: KeyPath, message: str) -> FileProblem:
        """A problem at a path."""
        return FileProblem(self.file, self.line(path), dotted(path), message)


def read_document(path: Path) -> Document:
    """Reads one file. Raises UnreadableError where there is no tree."""
    return parse_document(read_text(path), file=path)


def read_text(path: Path) -> str:
    """The file's text, read now and whole. Raises UnreadableError."""
    try:
        content, _ = read_whole(path, at_most=MAX_BYTES)
    except FileRefusedError as error:
        raise _unreadable(path, str(error)) from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        raise _unreadable(path, f"is not UTF-8 text (byte {byte}); save the file as UTF-8", line=line) from error


def parse_document(text: str, *, file: Path) -> Document:
    """The tree of a text. Raises UnreadableError where there is none."""
    forbidden = _FORBIDDEN.search(text, 1 if text.startswith("\ufeff") else 0)
    if forbidden:
        line = text.count("\n", 0, forbidden.start()) + 1
        raise _unreadable(file, f"the character U+{ord(forbidden[0]):04X} is not allowed in YAML", line=line)
    builder = _TreeBuilder(str(file))
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, file) from error
    root = builder.root
    if root is None:
        raise _unreadable(file, "is empty; `risksvc init` writes a commented file to start from")
    if not isinstance(root, YamlMapping):
        raise _unreadable(file, f"must be a mapping of keys to values; found {_kind(root)}", line=builder.root_line)
    return Document(str(file), text, root, tuple(builder.problems), frozenset(builder.spoiled))


def _kind(node: Node) -> str:
    return f"the text {shown(node)}" if isinstance(node, str) else shown(node)


def _unreadable(file: Path, message: str, *, line: int = 0) -> UnreadableError:
    return UnreadableError(FileProblem(str(file), line, "", message))


def _syntax_error(error: yaml.YAMLError, text: str, file: Path) -> UnreadableError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 0
    written = ["", *text.splitlines(), ""][line]
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return _unreadable(file, "a tab in the indentation; YAML is indented with spaces", line=line)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    context = getattr(error, "context", None)
    began = getattr(error, "context_mark", None)
    where = f" ({context} that began in line {began.line + 1})" if context and began and began.line + 1 != line else ""
    return _unreadable(file, f"is not YAML: {problem}{where}", line=line)


@dataclass(slots=True)
class _Frame:
    """A collection that is being read, and the key that waits for its value."""

    node: YamlMapping | YamlList
    path: KeyPath
    key: str | None = None
    key_line: int = 0
    dropped: bool = False  # the value that comes belongs to a key that can't be used


class _TreeBuilder:
    """Events in, tree out; no recursion, so that no depth of brackets can exhaust the stack."""

    def __init__(self, file: str) -> None:
        self.root: Node = None
        self.root_line = 0
        self.problems: list[FileProblem] = []
        self.spoiled: set[str] = set()
        self._file = file
        self._frames: list[_Frame] = []
        self._documents = 0
        self._entries = 0

    def take(self, event: yaml.Event) -> None:
        """One event of the parser. Raises UnreadableError where going on makes no sense."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._stop(line, "a second document begins here (`---`); one file holds one document")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._frames.pop()
        elif isinstance(event, yaml.NodeEvent):
            self._node(event, line)

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise self._stop(line, f"more than {MAX_ENTRIES} entries")
        frame = self._frames[-1] if self._frames else None
        wants_key = frame is not None and isinstance(frame.node, YamlMapping) and frame.key is None
        if frame is not None and wants_key:
            self._take_key(frame, event, line)
        else:
            self._take_value(event, line)

    # -- keys ---

    def _take_key(self, frame: _Frame, event: yaml.NodeEvent, line: int) -> None:
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            raise self._stop(line, "a key must be plain text, without anchor, alias or tag")
        key = event.value
        frame.key, frame.key_line = key, line
        frame.dropped = isinstance(frame.node, YamlMapping) and key in frame.node.lines
        if frame.dropped and isinstance(frame.node, YamlMapping):
            first = frame.node.lines[key]
            self._tell(line, (*frame.path, key), f"is there twice; the first is in line {first}. Keep one")

    # -- values ---

    def _take_value(self, event: yaml.NodeEvent, line: int) -> None:
        if event.anchor is not None or _has_tag(event):
            self._refuse_extras(event, line)
        if isinstance(event, yaml.ScalarEvent):
            self._store(_scalar(event), line)
        elif isinstance(event, yaml.MappingStartEvent):
            self._enter(YamlMapping(line), line)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._enter(YamlList(line), line)
        else:
            self._store(None, line)  # an alias, refused above

    def _enter(self, node: YamlMapping | YamlList, line: int) -> None:
        path = self._path()
        self._store(node, line)
        self._frames.append(_Frame(node, path))
        if len(self._frames) > MAX_DEPTH:
            raise self._stop(line, f"nested deeper than {MAX_DEPTH} levels")

    def _refuse_extras(self, event: yaml.NodeEvent, line: int) -> None:
        path = self._path()
        if event.anchor is None:
            self._tell(line, path, "tags (`!...`) are not used here; write the value alone")
            return
        mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
        self._tell(line, path, f"{mark}{event.anchor}: anchors and aliases are not used here; write the value out")
        self.spoiled.add(dotted(path))

    def _store(self, node: Node, line: int) -> None:
        if not self._frames:
            self.root, self.root_line = node, line
            return
        frame = self._frames[-1]
        if isinstance(frame.node, YamlList):
            frame.node.append(node)
            frame.node.lines.append(line)
        elif frame.key is not None and not frame.dropped:
            frame.node[frame.key] = node
            frame.node.lines[frame.key] = frame.key_line
        frame.key = None

    def _path(self) -> KeyPath:
        if not self._frames:
            return ()
        frame = self._frames[-1]
        if isinstance(frame.node, YamlList):
            return (*frame.path, len(frame.node))
        return frame.path if frame.key is None else (*frame.path, frame.key)

    # -- problems ---

    def _tell(self, line: int, path: KeyPath, message: str) -> None:
        self.problems.append(FileProblem(self._file, line, dotted(path), message))

    def _stop(self, line: int, message: str) -> UnreadableError:
        return UnreadableError(FileProblem(self._file, line, dotted(self._path()), message))


def _scalar(event: yaml.ScalarEvent) -> str | None:
    if event.style:
        return Quoted(event.value)
    return None if event.value in _NULLS else str(event.value)


def _has_tag(event: yaml.NodeEvent) -> bool:
    return getattr(event, "tag", None) is not None
