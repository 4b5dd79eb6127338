"""What the grader says about a submission, in the language of its page.

In: an English sentence of the grader's, as verdicts have it. Out: the same for the student in their language; anything
else, such as an assert's own message or what Python says, stays as it is.
"""

import re

_A, _B = r"(`[^`]*`)", r"(.*)"

# Pattern of a sentence → the same in other words. English is there where a student is spoken to otherwise.
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
        r"A condition of this test is not met\.",
        {"ru": "Одно из условий проверки не выполнено.", "es": "No se cumple una de las condiciones de la prueba."},
    ),
    (
        rf"The test stops at: {_B}",
        {"ru": "Проверка не проходит здесь: {0}", "es": "La prueba se detiene aquí: {0}"},
    ),
    (
        rf"(\w+): (.*) \(line (\d+) of your code: {_B}\)",
        {"ru": "{0}: {1} (строка {2} твоего кода: {3})", "es": "{0}: {1} (línea {2} de tu código: {3})"},
    ),
    (
        rf"(\w+) in line (\d+) of your code: {_B}",
        {"ru": "{0} в строке {1} твоего кода: {2}", "es": "{0} en la línea {1} de tu código: {2}"},
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
        r"The notebook did not end within (\S+) s\b.*",
        {"ru": "Ноутбук не завершился за {0} с.", "es": "El cuaderno no terminó en {0} s."},
    ),
    (
        r"The cells that the student added took more than (\S+) s together\b.*",
        {
            "en": "The cells that you added took more than {0} s together; the rest of them was left out.",
            "ru": "Добавленные тобой ячейки вместе работали дольше {0} с; остальные из них пропущены.",
            "es": "Las celdas que añadiste tardaron más de {0} s en total; las demás de ellas se omitieron.",
        },
    ),
    (
        r"Tests that could not be run any more: (\d+)\.",
        {
            "ru": "Проверок, которые уже не удалось выполнить: {0}.",
            "es": "Pruebas que ya no se pudieron ejecutar: {0}.",
        },
    ),
    (
        r"The notebook used more than (\S+) MiB of memory\.",
        {"ru": "Ноутбук занял больше {0} МиБ памяти.", "es": "El cuaderno usó más de {0} MiB de memoria."},
    ),
    (
        r"The notebook started more than (\S+) (processes|threads)\.",
        {
            "ru": "Ноутбук запустил больше {0} процессов или потоков.",
            "es": "El cuaderno inició más de {0} procesos o hilos.",
        },
    ),
    (
        r"The notebook had more than (\S+) files and connections open\.",
        {
            "ru": "Ноутбук держал открытыми больше {0} файлов и соединений.",
            "es": "El cuaderno tenía abiertos más de {0} archivos y conexiones.",
        },
    ),
    (
        r"The notebook's process .*",
        {"ru": "Процесс ноутбука неожиданно завершился.", "es": "El proceso del cuaderno terminó antes de tiempo."},
    ),
    (
        r"The model is not of the kind that this exercise trains\.",
        {
            "ru": "Это не такая модель, какую обучают в этом задании.",
            "es": "No es un modelo como el que se entrena en este ejercicio.",
        },
    ),
    (
        r"This notebook changes how tests run: .*",
        {
            "ru": "Этот ноутбук вмешивается в работу проверок: проверка не засчитана, преподаватель об этом знает.",
            "es": "Este cuaderno altera las pruebas: esta no cuenta y tu docente lo sabe.",
        },
    ),
    (
        r"(?:The test's last value is NaN|The test is not plain Python|`\w+` could not be computed by the grader"
        r"|The teacher's own solution does not pass this test|The test passed, but whether it can be trusted)\b.*",
        {
            "en": "Your teacher will look at this test.",
            "ru": "Эту проверку посмотрит преподаватель.",
            "es": "Tu docente revisará esta prueba.",
        },
    ),
    (  # everything that `course.grade.sandbox.process.values` refuses
        r"(?:The (?:value|array|number|bytes|message)|An? (?:value|array|object|tensor|container|dictionary's key|time"
        r"|named tuple)|Dictionaries and sets|There are bytes)\b.*",
        {
            "ru": "Такой результат нельзя передать на проверку: он не того типа или слишком велик.",
            "es": "Este resultado no se puede pasar a la prueba: no es del tipo adecuado o es demasiado grande.",
        },
    ),
    (
        rf"Added to cells of the teacher's and kept: {_B}\.",
        {
            "en": "What you added to given cells was kept: {0}.",
            "ru": "Сохранено то, что добавлено тобой в готовые ячейки: {0}.",
            "es": "Se conservó lo que añadiste a las celdas dadas: {0}.",
        },
    ),
    (
        rf"Changed in cells of the teacher's and put back: {_B}\.",
        {
            "en": "What you changed in given cells was put back for grading: {0}.",
            "ru": "Изменения в готовых ячейках для проверки отменены: {0}.",
            "es": "Lo que cambiaste en las celdas dadas se restableció para la corrección: {0}.",
        },
    ),
    (
        r"Cells of the teacher's that had been changed; the teacher's version stands: (\d+)\.",
        {
            "en": "Given cells that you had changed, graded as they were given: {0}.",
            "ru": "Изменённые готовые ячейки, которые проверены в исходном виде: {0}.",
            "es": "Celdas dadas que habías cambiado, corregidas en su versión original: {0}.",
        },
    ),
    (
        r"Cells of the teacher's that were missing and have been put back: (\d+)\.",
        {
            "en": "Given cells that were missing and have been put back: {0}.",
            "ru": "Недостающие готовые ячейки, возвращённые на место: {0}.",
            "es": "Celdas dadas que faltaban y se restablecieron: {0}.",
        },
    ),
    (
        r"Cells of the teacher's that stood in another place and were moved back: (\d+)\.",
        {
            "en": "Given cells that stood in another place and were moved back: {0}.",
            "ru": "Готовые ячейки, которые стояли не на своём месте и возвращены: {0}.",
            "es": "Celdas dadas que estaban en otro lugar y se devolvieron al suyo: {0}.",
        },
    ),
    (
        r"Cells of the teacher's that were there several times; the copies were left out: (\d+)\.",
        {
            "en": "Given cells that were there several times; their copies were left out: {0}.",
            "ru": "Готовые ячейки, встретившиеся несколько раз; копии пропущены: {0}.",
            "es": "Celdas dadas que aparecían varias veces; sus copias se omitieron: {0}.",
        },
    ),
    (
        rf"The tests {_A} had been changed; the teacher's were run\.",
        {
            "en": "The tests {0} had been changed; the original ones were run.",
            "ru": "Проверки {0} были изменены; выполнены исходные.",
            "es": "Las pruebas {0} estaban cambiadas; se ejecutaron las originales.",
        },
    ),
    (
        rf"Tests were missing and have been put back: {_B}\.",
        {
            "ru": "Недостающие проверки возвращены на место: {0}.",
            "es": "Faltaban pruebas y se restablecieron: {0}.",
        },
    ),
    (
        rf"The (?:answer|essay) {_A} is missing; the released cell stands in its place\.",
        {
            "en": "Your answer {0} is missing.",
            "ru": "Твоего ответа {0} нет в ноутбуке.",
            "es": "Falta tu respuesta {0}.",
        },
    ),
    (
        rf"The (?:answer|essay) {_A} stood in one cell with {_A}; its own cell is empty\.",
        {
            "ru": "Ответ {0} найден в одной ячейке с ответом {1}.",
            "es": "La respuesta {0} estaba en la misma celda que {1}.",
        },
    ),
    (
        rf"The (?:answer|essay) {_A} was there (\d+) times; the last one before its tests counts\.",
        {
            "ru": "Вариантов ответа {0}: {1}; засчитан последний перед его проверками.",
            "es": "La respuesta {0} aparecía {1} veces; cuenta la última antes de sus pruebas.",
        },
    ),
    (
        rf"The (?:answer|essay) {_A} was found in another cell\.",
        {"ru": "Ответ {0} найден в другой ячейке.", "es": "La respuesta {0} estaba en otra celda."},
    ),
    (
        rf"The (?:answer|essay) {_A} stood in another place and was moved back\.",
        {
            "ru": "Ответ {0} стоял не на своём месте и возвращён.",
            "es": "La respuesta {0} estaba en otro lugar y se devolvió al suyo.",
        },
    ),
    (
        rf"The (?:answer|essay) {_A} had become a (?:code|text) cell and was turned back\.",
        {
            "ru": "Ячейка ответа {0} сменила тип; он возвращён.",
            "es": "La celda de la respuesta {0} había cambiado de tipo; se restableció.",
        },
    ),
    (
        rf"Cells without their grade id were recognised by what they contain: {_B}\.",
        {
            "ru": "Ячейки без метки узнаны по содержанию: {0}.",
            "es": "Celdas sin su identificador, reconocidas por su contenido: {0}.",
        },
    ),
    (
        rf"Of (\d+) notebooks of this assignment the newest finished one was graded: {_B}\.",
        {
            "ru": "Ноутбуков этого задания: {0}; проверен самый новый из выполненных: {1}.",
            "es": "De los {0} cuadernos de esta tarea se corrigió el más reciente de los terminados: {1}.",
        },
    ),
    (
        rf"Files with names of Python's own modules were left out: {_B}\.",
        {
            "ru": "Файлы, названные как модули самого Python, пропущены: {0}.",
            "es": "Se omitieron archivos con nombres de módulos del propio Python: {0}.",
        },
    ),
    (
        r"Some cells held no text and were left out\.",
        {"ru": "Ячейки без текста пропущены.", "es": "Se omitieron celdas sin texto."},
    ),
    (
        r"Some cells were too long and were left out\.",
        {"ru": "Слишком длинные ячейки пропущены.", "es": "Se omitieron celdas demasiado largas."},
    ),
    (
        r"Characters that no notebook may hold were taken out\.",
        {"ru": "Недопустимые символы удалены.", "es": "Se eliminaron caracteres no permitidos."},
    ),
    (
        r"The file was not in UTF-8; some letters could not be read\.",
        {
            "ru": "Файл не в кодировке UTF-8; часть букв прочитать не удалось.",
            "es": "El archivo no estaba en UTF-8; algunas letras no se pudieron leer.",
        },
    ),
    (r"There were (\d+) more repairs\.", {"ru": "Других исправлений: {0}.", "es": "Otras correcciones: {0}."}),
)


def translated(message: str, language: str) -> str:
    """A sentence of the grader's in the language of the page; any other message as it is.

    >>> translated("A cell did not end within 4 s.", "es")
    'Una celda no terminó en 4 s.'
    """
    for pattern, sentences in SENTENCES:
        if language in sentences and (match := re.fullmatch(pattern, message)):
            return sentences[language].format(*match.groups())
    return message
