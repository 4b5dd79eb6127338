"""What a student gets back: one page per notebook, in the language of the assignment.

In: a verdict, the graded notebook, and what a person has added to it in the gradebook. Out: HTML without scripts,
without links, without anything that the student's code could have put there as markup. It says what failed and the
hint, never a test's code or what it expected.
"""

import dataclasses
import html
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.folder import Folder, name_problem, own_folder
from course.grade.ledger import Ledger, Review
from course.grade.sandbox.outputs import is_picture
from course.grade.sentences import translated
from course.kept import load_all
from course.verdict import CellScore, Verdict

OUTPUT_LIMIT = 2000  # characters of one printed output
PICTURE_LIMIT = 1 << 20  # bytes of one picture, in base64
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

LOST = ("The notebook's process has ended.",)  # what a test says that could not be asked any more
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
        "timed_out": "Something took too long and was stopped.",
        "out_of_memory": "The notebook used too much memory and was stopped.",
        "kernel_died": "The notebook's process ended in the middle.",
        "rest": "Everything else was graded.",
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
        "timed_out": "Что-то работало слишком долго, пришлось остановить.",
        "out_of_memory": "Ноутбуку не хватило памяти, его пришлось остановить.",
        "kernel_died": "Процесс ноутбука неожиданно завершился.",
        "rest": "Всё остальное проверено.",
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
        "timed_out": "Algo tardó demasiado y hubo que detenerlo.",
        "out_of_memory": "El cuaderno usó demasiada memoria y hubo que detenerlo.",
        "kernel_died": "El proceso del cuaderno terminó a medias.",
        "rest": "Todo lo demás está corregido.",
        "unreadable": "El archivo no se puede leer como cuaderno. Descárgalo otra vez y vuelve a entregarlo.",
        "wrong_notebook": "Este no es el cuaderno de la tarea. Entrega el que corresponde.",
    },
}

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
    course = Folder.at(course_dir)
    written = []
    with Ledger(course) as ledger:
        sources = course.notebooks("source", assignment)
        for verdict in load_all(course.root, assignment):
            if (students and verdict.student not in students) or name_problem(verdict.student):
                continue
            target = course.path("feedback", assignment, verdict.student)
            folder = own_folder(target, course.home("feedback"))
            folder.mkdir(parents=True, exist_ok=True)
            reviews = ledger.reviews(assignment, verdict.student)
            for source in sources:
                part = reviewed(_part(verdict, source.stem, alone=len(sources) == 1), reviews.get(source.stem, {}))
                graded = course.path("autograded", assignment, verdict.student) / source.name
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
    notes = [note.removeprefix(f"{notebook}: ") for note in verdict.notes if note.startswith(f"{notebook}: ")]
    most = sum(cell.max_score for cell in cells)
    return dataclasses.replace(verdict, cells=cells, max_score=most, notes=tuple(notes))


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
    notes = [*_notes(verdict, language), *([words["waiting"].format(count=waiting)] if waiting else [])]
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
        notes="".join(f"<p>{_sentence(note)}</p>" for note in notes if note),
        sections="".join(sections),
    )


def _notes(verdict: Verdict, language: str) -> Iterator[str]:
    """What happened to the notebook as a whole, what was kept and what was put back."""
    words = WORDS.get(language, WORDS["en"])
    yield words[verdict.verdict]
    if verdict.verdict in ("unreadable", "wrong_notebook"):
        return
    notes = [translated(note, language) for note in verdict.notes]
    yield from notes
    if verdict.verdict != "graded" and not any(cell.message in LOST for cell in verdict.cells):
        yield words["rest"]


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
        parts.append(f"<p>{_sentence(translated(cell.message, language))}</p>")
    parts += [f"<p>{html.escape(words['teacher'].format(comment=comment))}</p>" for comment in comments]
    if answer is not None:
        outputs = "".join(_output(output) for output in answer.get("outputs", []))
        parts.append(f"<details><summary>{words['yours']}</summary>{_text(answer.source)}{outputs}</details>")
    return f'<section class="{cell.status}">{"".join(parts)}</section>'


def _sentence(text: str) -> str:
    """A sentence, with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


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
    if isinstance(picture, str) and len(picture) <= PICTURE_LIMIT and is_picture("image/png", picture):
        return f'<img alt="" src="data:image/png;base64,{html.escape("".join(picture.split()))}">'
    return _text(data["text/plain"]) if isinstance(data.get("text/plain"), str) else ""
