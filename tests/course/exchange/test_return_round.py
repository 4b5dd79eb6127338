"""There and back: what came in an archive of a platform's, in any form, goes back to whom it came from."""

import dataclasses
import unicodedata

import pytest

from course.exchange import arrivals, gradebook, returning, roster, worksheet
from course.exchange.gradebook import Wanted
from course.folder import Folder
from tests.course.exchange.backs import Mark
from tests.course.exchange.making import sums
from tests.course.exchange.platform_rules import canvas_grades, moodle_files, moodle_grades

PEOPLE = {
    "101": "Anna Ivanova",
    "102": "Анна Иванова",
    "103": "José Núñez",
    "104": "Li",
    "105": "Anna Ivanova",
    "106": "Maria del Mar O'Neill-Šmíd",
    "107": "🙂 Smile",
}
FORMS = {
    "folders": "{name}_{number}_assignsubmission_file/sums.ipynb",
    "before 4.1": "{name}_{number}_assignsubmission_file_/sums.ipynb",
    "flat": "{name}_{number}_assignsubmission_file_sums.ipynb",
    "blind": "Participant_{number}_assignsubmission_file/sums.ipynb",
    "decomposed": "{decomposed}_{number}_assignsubmission_file/sums.ipynb",
}
HEAD = "Identifier,Full name,Email address,Grade,Maximum Grade,Last modified (grade),Feedback comments"


def handed_in(course, archive: str, paths: dict[str, str]) -> tuple[list[returning.Back], dict[str, float]]:
    """Collect paths (number → path); returns what goes back, and number → mark, another for each person."""
    languages = {number: ("sums-en", "sums-ru")[int(number) % 2] for number in paths}
    members = [(path, sums(number, languages[number])) for number, path in paths.items()]
    course.collected("sums", *members, archive=archive)
    folder = Folder.at(course.root)
    came = {name: arrivals.load(folder, name) for name in ("sums-en", "sums-ru")}
    score = {number: index + 0.25 for index, number in enumerate(paths)}
    marks = {name: {one.student: Mark(score[one.number]) for one in found} for name, found in came.items()}
    backs = []
    for back in returning.of(marks, roster.load(folder), came):
        page = course.root / "feedback" / back.student.id / "sums.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"{back.mark.score}")
        backs.append(dataclasses.replace(back, pages=(page,)))
    return backs, score


@pytest.mark.parametrize("form", FORMS)
def test_moodle(course, form):
    """Two of one name among them; every version of Moodle finds each page's owner."""
    paths = {
        number: FORMS[form].format(name=name, number=number, decomposed=unicodedata.normalize("NFD", name))
        for number, name in PEOPLE.items()
    }
    backs, score = handed_in(course, "nlp-sums-77.zip", paths)
    lines = [f"Participant {n},{'' if form == 'blind' else name},,,25.00,-," for n, name in PEOPLE.items()]
    path = course.put("Grades-nlp-sums-77.csv", "\n".join([HEAD, *lines, ""]).encode())
    made = worksheet.fill(path, backs)
    assert {number: grade for number, (grade, _) in moodle_grades(made.filled.data, set(PEOPLE), 25).items()} == score
    (packed,) = worksheet.write_zips(made.parcels, course.root / "returned")
    pages = {number: {"sums.html": f"{points}".encode()} for number, points in score.items()}
    for before_4_1 in (False, True):
        if not (before_4_1 and form in ("folders", "blind", "decomposed")):
            assert moodle_files(packed, set(PEOPLE), before_4_1=before_4_1) == pages


def test_canvas(course):
    """Canvas packs names in small letters without spaces; some are late, some have handed in again."""
    paths = {}
    for number, name in PEOPLE.items():
        packed = "".join(filter(str.isalnum, name)).lower() + "_LATE" * (number > "103")
        paths[number] = f"{packed}_{number}_9{number}_sums-1.ipynb"
    backs, score = handed_in(course, "nlp_sums_submissions.zip", paths)
    lines = [f'"{name}",{number},,A,' for number, name in PEOPLE.items()]
    head = ["Student,ID,SIS Login ID,Section,Sums (5)", "    Points Possible,,,,25"]
    path = course.put("grades.csv", "\n".join([*head, *lines, ""]).encode())
    grades, _ = canvas_grades(gradebook.fill(path, backs, Wanted(("sums",))).data, {5: "Sums"})
    assert {number: float(grade) for number, grade in grades["Sums"].items()} == score
