"""What a student gets back: one page per submission, in the language of the notebook.

In: a verdict and the graded notebook. Out: HTML without scripts, without links, without anything that the student's
code could have put there as markup. It says what failed and the hint, never a test's code or what it expected.
"""

import base64
import binascii
import html
import re

from nbformat import NotebookNode

from course.verdict import CellScore, Verdict

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
        "no_answer": "No answer.",
        "yours": "Your answer",
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
        "no_answer": "Ответа нет.",
        "yours": "Твой ответ",
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
        "no_answer": "Sin respuesta.",
        "yours": "Tu respuesta",
        "graded": "",
        "timed_out": "Una celda tardó demasiado y hubo que detenerla; lo demás está corregido.",
        "out_of_memory": "El cuaderno usó demasiada memoria y hubo que detenerlo; lo demás está corregido.",
        "kernel_died": "El proceso del cuaderno terminó a medias; lo demás está corregido.",
        "unreadable": "El archivo no se puede leer como cuaderno. Descárgalo otra vez y vuelve a entregarlo.",
        "wrong_notebook": "Este no es el cuaderno de la tarea. Entrega el que corresponde.",
    },
}

PAGE = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
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


def page(verdict: Verdict, notebook: NotebookNode | None) -> str:
    """The page of one submission."""
    language = notebook.metadata.get("course", {}).get("language", "en") if notebook else "en"
    words = WORDS.get(language, WORDS["en"])
    waiting = sum(cell.status == "manual" for cell in verdict.cells)
    notes = [words[verdict.verdict]] + ([words["waiting"].format(count=waiting)] if waiting else [])
    answers = _answers(notebook) if notebook else {}
    return PAGE.format(
        language=html.escape(language),
        title=words["title"],
        assignment=html.escape(verdict.assignment),
        score=words["score"].format(score=verdict.score or 0, most=verdict.max_score),
        notes="".join(f"<p>{note}</p>" for note in notes if note),
        sections="".join(_section(cell, answers.get(_answer_id(cell.grade_id)), words) for cell in verdict.cells),
    )


def _answer_id(grade_id: str) -> str:
    """The answer that a test cell is about: `test_do_ner` tests `do_ner`; a written answer is its own."""
    return grade_id.removeprefix("test_")


def _answers(notebook: NotebookNode) -> dict[str, NotebookNode]:
    found = {}
    for cell in notebook.cells:
        settings = cell.metadata.get("nbgrader", {})
        if settings.get("solution"):
            found[settings.grade_id] = cell
    return found


def _section(cell: CellScore, answer: NotebookNode | None, words: dict[str, str]) -> str:
    score = "" if cell.score is None else f" · {cell.score:g} / {cell.max_score:g}"
    parts = [f"<h2>{html.escape(cell.grade_id)}</h2><p><strong>{words[cell.status]}{score}</strong></p>"]
    message = words["no_answer"] if cell.message == "No answer." else cell.message
    if message:
        parts.append(f"<p>{html.escape(message)}</p>")
    if answer is not None:
        outputs = "".join(_output(output) for output in answer.get("outputs", []))
        parts.append(f"<details><summary>{words['yours']}</summary>{_text(answer.source)}{outputs}</details>")
    return f'<section class="{cell.status}">{"".join(parts)}</section>'


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
