"""Tables that platforms and spreadsheets export: CSV with whatever separator, encoding and language.

In: the bytes of a file. Out: its header and rows, and which column is which. The names of the columns stand in one
block: Moodle writes them in the language of whoever downloads.
"""

import csv
import dataclasses
import io
import re
import unicodedata
from pathlib import Path

from course import Refusal
from course.exchange import encodings
from course.folder import MAX_OTHER

# What a column holds → how platforms head it, in English, Russian and Spanish, in small letters.
HEADERS = {
    "identifier": "identifier | идентификатор | identificador",
    "id": "id | student id | student_id",
    "name": "name | full name | fullname | student | student name | user full name | полное имя | имя / фамилия"
    " | имя/фамилия | имя и фамилия | фамилия, имя | фио | студент | nombre completo | estudiante | alumno"
    " | nombre / apellido(s) | nombre/apellido(s) | nombre y apellidos",
    "first": "first name | firstname | first_name | имя | nombre",
    "last": "last name | lastname | last_name | surname | фамилия | apellido(s) | apellidos | apellido",
    "email": "email address | email | e-mail | mail | адрес электронной почты | электронная почта | эл. почта"
    " | dirección de correo | dirección de correo electrónico | correo electrónico | dirección email | correo",
    "username": "username | user name | login | login id | sis login id | lms_user_id | логин | имя пользователя"
    " | nombre de usuario | usuario | github_username",
    "number": "id number | idnumber | number | sis user id | индивидуальный номер | идентификационный номер | id-номер"
    " | номер студента | номер зачётной книжки | номер | número de id | número de identificación | número",
    "group": "group | groups | section | cohort | группа | группы | секция | раздел | grupo | grupos | sección",
    "status": "status | состояние | статус | estado",
    "grade": "grade | оценка | calificación",
    "maximum": "maximum grade | максимальная оценка | calificación máxima",
    "changeable": "grade can be changed | оценка может быть изменена | la calificación puede ser cambiada"
    " | la calificación se puede cambiar | la calificación puede cambiarse",
    "submitted": "last modified (submission) | последнее изменение (ответ)"
    " | последнее изменение (представленного ответа) | última modificación (entrega) | última modificación (envío)",
    "comment": "feedback comments | отзыв в виде комментария | комментарии к отзыву | комментарии"
    " | comentarios de retroalimentación | comentarios de realimentación",
}
FIELDS = {head: field for field, heads in HEADERS.items() for head in heads.split(" | ")}
EXCEL = re.compile(r"sep=.\n")  # a line that says what separates the columns
SEPARATORS = ",;\t|"
CANVAS = frozenset({"sis user id", "sis login id", "section", "integration id", "root account", "sección", "раздел"})


class TableError(Refusal):
    """A table that cannot be read as one."""


@dataclasses.dataclass(frozen=True)
class Table:
    """`header` and `rows` as they stand in the file, `fields` the index of each column that is known by its head."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    fields: dict[str, int]
    encoding: str
    separator: str

    @property
    def is_canvas(self) -> bool:
        """Whether it is Canvas's gradebook: its `ID` is Canvas's number of the person."""
        return "id" in self.fields and bool({head_key(head) for head in self.header} & CANVAS)

    def value(self, row: tuple[str, ...], field: str) -> str:
        """What a row says about a field; "" where it says nothing."""
        index = self.fields.get(field, len(row))
        return row[index].strip() if index < len(row) else ""


def read(path: Path) -> Table:
    """Read a table. Raises `TableError`, `OSError`."""
    if path.stat().st_size > MAX_OTHER:
        raise TableError(f"{path} is larger than {MAX_OTHER >> 20} MiB: it is no table of a class.")
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableError(f"{path} is no CSV but an archive or a workbook: name the table, or save it as CSV.")
    encoding = encoding_of(data)
    text = data.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    if EXCEL.match(text):
        text = text.partition("\n")[2]
    separator = separator_of(text)
    try:
        lines = [tuple(row) for row in csv.reader(io.StringIO(text), delimiter=separator) if any(map(str.strip, row))]
    except csv.Error as error:
        raise TableError(f"{path} cannot be read as a table: {error}.") from None
    if not lines:
        raise TableError(f"{path} is empty.")
    header = tuple(unicodedata.normalize("NFC", head) for head in lines[0])
    fields: dict[str, int] = {}
    for index, head in enumerate(header):
        if (field := FIELDS.get(head_key(head))) and field not in fields:
            fields[field] = index
    return Table(header, tuple(lines[1:]), fields, encoding, separator)


def encoding_of(data: bytes) -> str:
    """The encoding of a table, by its mark or by what it holds."""
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return encodings.tell([data], encodings.IN_TABLES)


def separator_of(text: str) -> str:
    """What stands between the columns: the sign that the header has most of, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(SEPARATORS, key=bare.count)


def head_key(head: str) -> str:
    """The head of a column as it stands in the table of heads.

    >>> head_key('\\ufeff"Email  address"')
    'email address'
    """
    text = unicodedata.normalize("NFC", head).strip('\ufeff"\u200b \t').casefold()
    return " ".join(text.split())
