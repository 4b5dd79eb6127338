"""What a student gets back: one page per notebook, in the language of the assignment.

In: a verdict, the graded notebook, and what a person has added to it in the gradebook. Out: HTML without scripts,
without links, without anything that the student's code could have put there as markup. It says what failed and the
hint, never a test's code or what it expected.
"""

import base64
import binascii
import dataclasses
import html
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.grade.ledger import Ledger, Review, own_folder
from course.verdict import CellScore, Verdict, load_all

OUTPUT_LIMIT = 2000  # characters of one printed output
PICTURE_LIMIT = 1 << 20  # bytes of one picture, in base64
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

WORDS = {
    "en": {
        "title": "Feedback",
        "score": "{score:g} of {most:g} points",
        "waiting": "{count} written answers are still to be read by your teacher.",
        "passed": "passed",
        "partial": "partly",
        "failed": "not yet",
        "manual": "to be read",
        "yours": "Your answer",
        "teacher": "Your teacher: {comment}",
        "graded": "",
        "timed_out": "A cell took too long and was stopped; the rest was graded.",
        "out_of_memory": "The notebook used too much memory and was stopped; the rest was graded.",
        "kernel_died": "The notebook's process ended in the middle; the rest was graded.",
        "unreadable": "The file could not be read as a notebook. Download it once more and hand it in again.",
        "wrong_notebook": "This is not the notebook of the assignment. Hand in the right one.",
    },
    "ru": {
        "title": "Отзыв",
        "score": "{score:g} из {most:g} баллов",
        "waiting": "Письменные ответы ещё проверит преподаватель: {count}.",
        "passed": "верно",
        "partial": "частично",
        "failed": "пока нет",
        "manual": "ждёт проверки",
        "yours": "Твой ответ",
        "teacher": "Преподаватель: {comment}",
        "graded": "",
        "timed_out": "Одна из ячеек работала слишком долго, её пришлось остановить; остальное проверено.",
        "out_of_memory": "Ноутбуку не хватило памяти, его пришлось остановить; остальное проверено.",
        "kernel_died": "Процесс ноутбука неожиданно завершился; остальное проверено.",
        "unreadable": "Файл не читается как ноутбук. Скачай его ещё раз и сдай снова.",
        "wrong_notebook": "Это не ноутбук с этим заданием. Сдай, пожалуйста, нужный.",
    },
    "es": {
        "title": "Comentarios",
        "score": "{score:g} de {most:g} puntos",
        "waiting": "Respuestas escritas que aún tiene que leer tu docente: {count}.",
        "passed": "correcto",
        "partial": "en parte",
        "failed": "todavía no",
        "manual": "por leer",
        "yours": "Tu respuesta",
        "teacher": "Tu docente: {comment}",
        "graded": "",
        "timed_out": "Una celda tardó demasiado y hubo que detenerla; lo demás está corregido.",
        "out_of_memory": "El cuaderno usó demasiada memoria y hubo que detenerlo; lo demás está corregido.",
        "kernel_died": "El proceso del cuaderno terminó a medias; lo demás está corregido.",
        "unreadable": "El archivo no se puede leer como cuaderno. Descárgalo otra vez y vuelve a entregarlo.",
        "wrong_notebook": "Este no es el cuaderno de la tarea. Entrega el que corresponde.",
    },
}

# What the grader itself says about a cell, which is English in a verdict; what a test or Python says stays as it is.
SENTENCES = (
    (r"No answer\.", {"ru": "Ответа нет.", "es": "Sin respuesta."}),
    (
        r"The test could not work with the result \((\w+)\)\.",
        {
            "ru": "Проверка не смогла работать с таким результатом ({0}).",
            "es": "La prueba no pudo trabajar con el resultado ({0}).",
        },
    ),
    (
        r"A cell did not end within (\S+) s\b.*",
        {"ru": "Ячейка не завершилась за {0} с.", "es": "Una celda no terminó en {0} s."},
    ),
    (
        r"A test did not end within (\S+) s\.",
        {"ru": "Проверка не завершилась за {0} с.", "es": "Una prueba no terminó en {0} s."},
    ),
    (
        r"The notebook did not end within (\S+) s\.",
        {"ru": "Ноутбук не завершился за {0} с.", "es": "El cuaderno no terminó en {0} s."},
    ),
    (
        r"The notebook used more than (\S+) MiB of memory\.",
        {"ru": "Ноутбук занял больше {0} МиБ памяти.", "es": "El cuaderno usó más de {0} MiB de memoria."},
    ),
    (
        r"The notebook started more than (\S+) processes\.",
        {"ru": "Ноутбук запустил больше {0} процессов.", "es": "El cuaderno inició más de {0} procesos."},
    ),
    (
        r"The notebook's process .*",
        {"ru": "Процесс ноутбука неожиданно завершился.", "es": "El proceso del cuaderno terminó antes de tiempo."},
    ),
    (
        r"The test's last value is NaN: .*",
        {"ru": "В проверке ошибка, её посмотрит преподаватель.", "es": "La prueba tiene un error: la verá tu docente."},
    ),
    (  # everything that `course.grade.values` refuses
        r"(?:The (?:value|array|number|bytes|message)|An? (?:value|array|object|tensor|container|dictionary's key)"
        r"|Dictionaries and sets|There are bytes)\b.*",
        {
            "ru": "Такой результат нельзя передать на проверку: он не того типа или слишком велик.",
            "es": "Este resultado no se puede pasar a la prueba: no es del tipo adecuado o es demasiado grande.",
        },
    ),
)

PAGE = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}: {assignment}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }}
section {{ border-left: 6px solid #999; padding-left: 1rem; margin: 1.5rem 0; }}
section.passed {{ border-color: #0072B2; }} section.failed, section.partial {{ border-color: #D55E00; }}
pre {{ background: #f5f5f5; padding: .6rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }}
img {{ max-width: 100%; }}
</style>
<h1>{title}: {assignment}</h1>
<p><strong>{score}</strong></p>
{notes}
{sections}
"""


def write_pages(assignment: str, course_dir: Path, students: tuple[str, ...] = ()) -> list[Path]:
    """Write feedback/<student>/<assignment>/<notebook>.html for all that was graded, or for these students."""
    root = course_dir.resolve()
    written = []
    with Ledger(root) as ledger:
        sources = sorted((root / "source" / assignment).glob("*.ipynb"))
        for verdict in load_all(root, assignment):
            if students and verdict.student not in students:
                continue
            folder = own_folder(root / "feedback", verdict.student, assignment)
            folder.mkdir(parents=True, exist_ok=True)
            reviews = ledger.reviews(assignment, verdict.student)
            for source in sources:
                part = reviewed(_part(verdict, source.stem, alone=len(sources) == 1), reviews.get(source.stem, {}))
                graded = root / "autograded" / verdict.student / assignment / source.name
                notebook = nbformat.read(graded, as_version=4) if graded.is_file() else None
                language = nbformat.read(source, as_version=4).metadata.get("course", {}).get("language", "en")
                target = folder / f"{source.stem}.html"
                target.unlink(missing_ok=True)  # else a link in its place would be followed
                target.write_text(page(part, notebook, language, reviews.get(source.stem)), encoding="utf-8")
                written.append(target)
    return written


def _part(verdict: Verdict, notebook: str, *, alone: bool) -> Verdict:
    """What a verdict says about one of its notebooks."""
    if alone:
        return verdict
    cells = tuple(
        dataclasses.replace(cell, grade_id=cell.grade_id.removeprefix(f"{notebook}/"))
        for cell in verdict.cells
        if cell.grade_id.startswith(f"{notebook}/")
    )
    return dataclasses.replace(verdict, cells=cells, max_score=sum(cell.max_score for cell in cells))


def reviewed(verdict: Verdict, reviews: dict[str, Review]) -> Verdict:
    """The verdict with the marks that a person gave, which count instead of the automatic ones."""
    cells = tuple(_reviewed_cell(cell, reviews.get(cell.grade_id)) for cell in verdict.cells)
    score = sum(cell.score or 0.0 for cell in cells) if cells else verdict.score
    return dataclasses.replace(verdict, cells=cells, score=score)


def _reviewed_cell(cell: CellScore, review: Review | None) -> CellScore:
    if review is None or review.score is None:
        return cell
    status = "passed" if review.score >= cell.max_score else "partial" if review.score > 0 else "failed"
    return dataclasses.replace(cell, score=review.score, status=status, message="")


def page(
    verdict: Verdict, notebook: NotebookNode | None, language: str = "en", reviews: dict[str, Review] | None = None
) -> str:
    """The page of one notebook of a submission; `reviews` by grade id bring the comments of a person."""
    words = WORDS.get(language, WORDS["en"])
    waiting = sum(cell.status == "manual" for cell in verdict.cells)
    notes = [words[verdict.verdict]] + ([words["waiting"].format(count=waiting)] if waiting else [])
    answers = dict(_answers(notebook)) if notebook else {}
    comments = {grade_id: review.comment for grade_id, review in (reviews or {}).items() if review.comment}
    sections = []
    for cell in verdict.cells:
        answer = answers.get(cell.grade_id)
        ids = dict.fromkeys([cell.grade_id, answer.metadata.nbgrader.grade_id if answer else cell.grade_id])
        sections.append(_section(cell, answer, [comments[name] for name in ids if name in comments], language))
    return PAGE.format(
        language=html.escape(language),
        title=words["title"],
        assignment=html.escape(verdict.assignment),
        score=words["score"].format(score=verdict.score or 0, most=verdict.max_score),
        notes="".join(f"<p>{note}</p>" for note in notes if note),
        sections="".join(sections),
    )


def _answers(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Grade id of a cell with points → the answer that it is about.

    `test_do_ner` tests `do_ner`; a written answer is its own; any other test is about the answer above it.
    """
    with_id = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id")]
    by_id = {cell.metadata.nbgrader.grade_id: cell for cell in with_id if cell.metadata.nbgrader.get("solution")}
    above = None
    for cell in with_id:
        grade_id = cell.metadata.nbgrader.grade_id
        above = by_id.get(grade_id, above)
        if answer := by_id.get(grade_id.removeprefix("test_"), above):
            yield grade_id, answer


def _section(cell: CellScore, answer: NotebookNode | None, comments: list[str], language: str) -> str:
    words = WORDS.get(language, WORDS["en"])
    score = "" if cell.score is None else f" · {cell.score:g} / {cell.max_score:g}"
    parts = [f"<h2>{html.escape(cell.grade_id)}</h2><p><strong>{words[cell.status]}{score}</strong></p>"]
    if cell.message:
        parts.append(f"<p>{html.escape(translated(cell.message, language))}</p>")
    parts += [f"<p>{html.escape(words['teacher'].format(comment=comment))}</p>" for comment in comments]
    if answer is not None:
        outputs = "".join(_output(output) for output in answer.get("outputs", []))
        parts.append(f"<details><summary>{words['yours']}</summary>{_text(answer.source)}{outputs}</details>")
    return f'<section class="{cell.status}">{"".join(parts)}</section>'


def translated(message: str, language: str) -> str:
    """A sentence of the grader's in the language of the page; any other message as it is.

    >>> translated("A cell did not end within 4 s.", "es")
    'Una celda no terminó en 4 s.'
    """
    for pattern, sentences in SENTENCES:
        if language in sentences and (match := re.fullmatch(pattern, message)):
            return sentences[language].format(*match.groups())
    return message


def _text(text: str) -> str:
    text = ANSI.sub("", str(text))
    cut = text if len(text) <= OUTPUT_LIMIT else text[:OUTPUT_LIMIT] + "\n[…]"
    return f"<pre>{html.escape(cut)}</pre>"


def _output(output: NotebookNode) -> str:
    """Text as text, PNG as a picture; HTML, SVG, JavaScript and whatever else there may be are left out."""
    if output.output_type == "stream":
        return _text(output.get("text", ""))
    if output.output_type == "error":
        return _text(f"{output.get('ename', '')}: {output.get('evalue', '')}")
    data = output.get("data", {})
    picture = data.get("image/png")
    if isinstance(picture, str) and _is_png(picture):
        return f'<img alt="" src="data:image/png;base64,{html.escape("".join(picture.split()))}">'
    return _text(data["text/plain"]) if isinstance(data.get("text/plain"), str) else ""


def _is_png(picture: str) -> bool:
    if len(picture) > PICTURE_LIMIT:
        return False
    try:
        return base64.b64decode("".join(picture.split()), validate=True).startswith(b"\x89PNG\r\n\x1a\n")
    except (binascii.Error, ValueError):
        return False
