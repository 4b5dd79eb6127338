"""The operations: what a case does to the notebook and to the file that is handed in.

In: a `Submission` and a table of the TOML (`op` is the operation's name, the other keys are its arguments). Out: the
submission, changed in place. An operation is a function here; its docstring is its description for authors.
"""

import dataclasses
import inspect
import io
import json
import zipfile
from collections.abc import Callable, Mapping

import nbformat

COLAB_KEYS = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}


@dataclasses.dataclass
class Submission:
    """A notebook as JSON, the name of its file, the files beside it; `data`: the file's bytes, once they are made.

    `cells` are the released cells by name, which an operation finds whatever has become of their ids and metadata.
    """

    notebook: dict
    cells: Mapping[str, dict]
    name: str
    data: bytes | None = None
    beside: dict[str, bytes] = dataclasses.field(default_factory=dict)
    added: int = 0

    def new_cell(self, source: str, kind: str) -> dict:
        """A cell as an editor adds it, with an id of its own."""
        self.added += 1
        more = {"outputs": [], "execution_count": None} if kind == "code" else {}
        return {"cell_type": kind, "id": f"added-{self.added}", "metadata": {}, "source": source} | more

    def named(self, which: str) -> list[dict]:
        """The cells that are meant: a name, "tests", "answers" or "all"."""
        if which == "all":
            return self.notebook["cells"]
        if which == "tests":
            return [cell for name, cell in self.cells.items() if name.startswith("test_")]
        if which == "answers":
            return [cell for name, cell in self.cells.items() if f"test_{name}" in self.cells]
        return [self.cells[which]]

    def place(self, at: str) -> int:
        """The index of a place: "start", "end", "before NAME", "after NAME"."""
        if at in ("start", "end"):
            return 0 if at == "start" else len(self.notebook["cells"])
        where, name = at.split()
        return _index(self.notebook["cells"], self.cells[name]) + (where == "after")


def _index(cells: list, wanted: dict) -> int:
    return next(index for index, cell in enumerate(cells) if cell is wanted)


# --- Of cells ---------------------------------------------------------------------------------------------------


def write(submission: Submission, cell: str, source: str) -> None:
    """The cell's text becomes `source`: an answer, or a given cell that is changed."""
    for each in submission.named(cell):
        each["source"] = source


def append(submission: Submission, cell: str, source: str) -> None:
    """`source` is added at the end of the cell's text."""
    for each in submission.named(cell):
        each["source"] = f"{_text(each)}\n{source}"


def add(submission: Submission, at: str, source: str, type: str = "code", times: int = 1) -> None:
    """A cell of the student's own, at "start", "end", "before NAME" or "after NAME"."""
    place = submission.place(at)
    submission.notebook["cells"][place:place] = [submission.new_cell(source, type) for _ in range(times)]


def delete(submission: Submission, cell: str) -> None:
    """The cell is removed; `cell` may be "tests" or "answers" for all of these."""
    gone = submission.named(cell)
    submission.notebook["cells"] = [each for each in submission.notebook["cells"] if not any(each is x for x in gone)]


def copy(submission: Submission, cell: str, at: str, source: str | None = None, keep_id: bool = False) -> None:
    """A copy of the cell with all its metadata, perhaps with another text; an editor gives it an id of its own."""
    twin = json.loads(json.dumps(submission.cells[cell]))
    if not keep_id:
        twin["id"] = f"copy-of-{cell}"
    if source is not None:
        twin["source"] = source
    submission.notebook["cells"].insert(submission.place(at), twin)


def move(submission: Submission, cell: str, at: str) -> None:
    """The cell goes to another place."""
    cells = submission.notebook["cells"]
    moved = cells.pop(_index(cells, submission.cells[cell]))
    cells.insert(submission.place(at), moved)


def retype(submission: Submission, cell: str, to: str) -> None:
    """The cell becomes "code", "markdown" or "raw"; its text and metadata stay."""
    for each in submission.named(cell):
        each["cell_type"] = to
        for key in ("outputs", "execution_count"):
            each.pop(key, None)
        if to == "code":
            each |= {"outputs": [], "execution_count": None}


def split(submission: Submission, cell: str, line: int) -> None:
    """The cell ends before this line (counted from 1); the rest stands in a new cell below it."""
    whole = submission.cells[cell]
    lines = _text(whole).splitlines()
    whole["source"] = "\n".join(lines[: line - 1])
    rest = submission.new_cell("\n".join(lines[line - 1 :]), "code")
    submission.notebook["cells"].insert(submission.place(f"after {cell}"), rest)


def merge(submission: Submission, cell: str, into: str) -> None:
    """The cell's text goes to the end of another one, and the cell is removed."""
    append(submission, into, _text(submission.cells[cell]))
    delete(submission, cell)


def output(submission: Submission, cell: str, text: str, times: int = 1) -> None:
    """The cell has this output, as a result: forged, or large."""
    made = {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": {"text/plain": text * times}}
    for each in submission.named(cell):
        each["outputs"] = [made]


def metadata(submission: Submission, cell: str, values: dict) -> None:
    """These keys of the metadata are set, tables key by key; `cell` "notebook" means the notebook's own."""
    targets = [submission.notebook] if cell == "notebook" else submission.named(cell)
    for each in targets:
        each["metadata"] = _merged(each.get("metadata", {}), values)


def drop(submission: Submission, cell: str, key: str) -> None:
    """A key of the cell's JSON is removed: `id`, `metadata`, …"""
    for each in submission.named(cell):
        each.pop(key, None)


def put(submission: Submission, cell: str, key: str, value: object) -> None:
    """A key of the cell's JSON gets any value, of a wrong type for instance."""
    for each in submission.named(cell):
        each[key] = value


def colab(submission: Submission) -> None:
    """What Colab can make of a notebook: ids and metadata are its own, those of the grader are gone."""
    for number, cell in enumerate(submission.notebook["cells"]):
        cell.pop("id", None)
        cell["metadata"] = {"id": f"{number * 7919:012x}"}
    submission.notebook["metadata"] = dict(COLAB_KEYS)
    submission.notebook["nbformat_minor"] = 0


# --- Of the file ------------------------------------------------------------------------------------------------


def downgrade(submission: Submission) -> None:
    """The file is written in nbformat 3, as by IPython before 2014."""
    notebook = nbformat.from_dict(submission.notebook)
    submission.data = nbformat.v3.writes_json(nbformat.convert(notebook, 3)).encode()


def encode(submission: Submission, to: str) -> None:
    """The file is written in another encoding of Python's, in which letters that it lacks become a ?."""
    text = json.dumps(submission.notebook, ensure_ascii=False, indent=1)
    submission.data = text.encode(to, errors="replace")


def line_ends(submission: Submission) -> None:
    """The file has line ends of Windows, in its text and in the cells."""
    for cell in submission.notebook["cells"]:
        cell["source"] = _text(cell).replace("\n", "\r\n")
    submission.data = json.dumps(submission.notebook, indent=1).replace("\n", "\r\n").encode()


def cut(submission: Submission, keep: float) -> None:
    """Of the file only this share is left, from its beginning: a download that broke off."""
    data = written(submission)
    submission.data = data[: int(len(data) * keep)]


def swap(submission: Submission, old: str, new: str) -> None:
    """In the text of the file, `old` becomes `new`: for what a notebook may not hold, or not in this place."""
    submission.data = written(submission).replace(old.encode(), new.encode())


def replace(submission: Submission, text: str, times: int = 1) -> None:
    """The file holds `text`, so many times, in place of the notebook."""
    submission.data = (text * times).encode()


def pack(submission: Submission) -> None:
    """The file is a ZIP archive that holds the notebook."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(submission.name, written(submission))
    submission.data = buffer.getvalue()


def rename(submission: Submission, to: str) -> None:
    """The file is handed in under another name."""
    submission.name = to


def file(submission: Submission, name: str, text: str = "") -> None:
    """Another file is handed in beside the notebook."""
    submission.beside[name] = text.encode()


def keep_copy(submission: Submission, name: str) -> None:
    """The notebook as it is now lies beside the one that is handed in, under another name."""
    submission.beside[name] = json.dumps(submission.notebook).encode()


OF_CELLS = (write, append, add, delete, copy, move, retype, split, merge, output, metadata, drop, put, colab)
OF_THE_FILE = (downgrade, encode, line_ends, cut, swap, replace, pack, rename, file, keep_copy)
OPERATIONS: dict[str, Callable] = {function.__name__: function for function in (*OF_CELLS, *OF_THE_FILE)}


def problem(operation: Mapping) -> str | None:
    """What is wrong with an operation of a case: its name, or its arguments."""
    arguments = dict(operation)
    function = OPERATIONS.get(arguments.pop("op", None))
    if function is None:
        return f"there is no operation {operation.get('op')!r}"
    try:
        inspect.signature(function).bind(None, **arguments)
    except TypeError as error:
        return f"{operation['op']}: {error}"
    return None


def apply(submission: Submission, operation: Mapping) -> None:
    """Do one operation."""
    arguments = dict(operation)
    OPERATIONS[arguments.pop("op")](submission, **arguments)


def written(submission: Submission) -> bytes:
    """The bytes of the file: those that an operation has made, else the notebook as JSON."""
    return json.dumps(submission.notebook, indent=1).encode() if submission.data is None else submission.data


def _text(cell: dict) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _merged(old: dict, new: dict) -> dict:
    both = {key for key in old.keys() & new.keys() if isinstance(old[key], dict) and isinstance(new[key], dict)}
    return old | new | {key: _merged(old[key], new[key]) for key in both}
