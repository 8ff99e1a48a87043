"""Moodle: the downloaded grading worksheet, with its grade column filled in.

The form is that of Moodle's mod/assign/gradingtable.php, and mod/assign/feedback/offline/importgradeslib.php reads it back: it
knows its columns by their exact titles in the course's language, and refuses rows whose grade is newer than the time in the
last-modified column. So titles and times stay as they are.

A language that is not listed here is still read if the worksheet has a column of highest grades beside the grades; else the
instructor names the column.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from grader.errors import UsageError
from grader.export import names, people
from grader.export.filled import Column, Filled, fill, scaling
from grader.export.people import Person, normal
from grader.export.table import Table, decimal_mark, number_in, read
from grader.report.schema import Grades

# Titles as Moodle's language packs have or had them, in the normal form of people.normal.
_GRADE = {
    "grade", "mark", "bewertung", "note", "calificación", "nota", "valutazione", "voto", "avaliação", "cijfer", "beoordeling",
    "karakter", "vurdering", "betyg", "arvosana", "ocena", "hodnocení", "hodnotenie", "známka", "érdemjegy", "osztályzat", "not",
    "оценка", "оцінка", "βαθμός", "الدرجة", "التقدير", "ציון", "qualificació", "cualificación", "kalifikazioa", "评分", "成绩",
    "成績", "評点", "評定", "성적", "điểm",
}  # fmt: skip
_HIGHEST = {
    "maximum grade", "maximum mark", "bestwertung", "höchstbewertung", "note maximale", "note maximum", "calificación máxima",
    "nota máxima", "valutazione massima", "voto massimo", "avaliação máxima", "maximumcijfer", "maximale beoordeling",
    "maximale cijfer", "højeste karakter", "maksimal karakter", "maksimumskarakter", "högsta betyg", "maxbetyg",
    "korkein arvosana", "maksymalna ocena", "ocena maksymalna", "maximální hodnocení", "nejvyšší hodnocení",
    "maximálne hodnotenie", "maximális pontszám", "en yüksek not", "maksimum not", "максимальная оценка", "максимальна оцінка",
    "μέγιστος βαθμός", "الدرجة القصوى", "ציון מרבי", "qualificació màxima", "cualificación máxima", "gehienezko kalifikazioa",
    "最高评分", "最高分", "最高成绩", "最大成績", "最大評点", "最高評點",
}  # fmt: skip
_CHANGEABLE = {
    "grade can be changed", "bewertung kann geändert werden", "la note peut être modifiée", "la calificación puede ser cambiada",
    "la calificación puede cambiarse", "la valutazione può essere modificata", "nota pode ser alterada",
    "a nota pode ser alterada.", "a nota pode ser alterada", "a avaliação pode ser alterada", "cijfer kan gewijzigd worden",
    "beoordeling kan gewijzigd worden", "karakteren kan ændres", "karakter kan endres",
    "betyget kan ändras", "arvosanaa voi muuttaa", "ocena może być zmieniona", "hodnocení lze změnit", "not değiştirilebilir",
    "оценка может быть изменена", "оцінку можна змінити", "يمكن تغيير العلامة", "يمكن تغيير الدرجة", "允许更改成绩",
    "成绩可被更改", "a cualificación pode seren cambiada", "la qualificació es pot canviar", "評点は変更可能",
}  # fmt: skip
_NO = {
    "no", "nein", "non", "não", "nee", "nej", "nei", "ei", "nie", "ne", "nem", "hayır", "нет", "ні", "όχι", "لا", "לא", "ez",
    "否", "いいえ", "아니요", "không",
}  # fmt: skip
_NAME = {
    "full name", "first name / surname", "first name / last name", "vollständiger name", "vorname / nachname", "nom complet",
    "prénom / nom", "nombre completo", "nombre / apellido(s)", "nombre", "nome completo", "nome / cognome", "cognome / nome",
    "nome", "volledige naam", "voornaam / achternaam", "fulde navn", "fullt navn", "fullständigt namn", "koko nimi",
    "imię i nazwisko", "celé jméno", "celé meno", "teljes név", "tam adı", "ad soyad", "полное имя", "повне ім'я",
    "ονοματεπώνυμο", "الاسم الكامل", "שם מלא", "nom", "izen osoa", "全名", "姓名", "氏名", "フルネーム", "성명",
}  # fmt: skip
_PARTICIPANT = re.compile(r"\D*?\s*(\d+)")  # "Participant 4711", in any language


def filled(worksheet: Path, grades: Grades, title: str | None, *, scale: bool = False) -> Filled:
    """The worksheet with this batch's points; ``title`` names the grades' column where it can't be found.

    Raises UsageError where the file is no worksheet.
    """
    table = read(worksheet)
    titles = [normal(cell.value) for cell in table.rows[0]]
    everybody = participants(table, worksheet)
    column = _column(table, titles, title, worksheet)
    placed = people.place(grades.submissions, everybody, names.moodle)
    factor, warnings = scaling(column, Counter(one.max_points for one in grades.submissions), scale)
    changeable = next((place for place, one in enumerate(titles) if one in _CHANGEABLE), None)

    def keeps(row: int) -> str:
        locked = changeable is not None and normal(table.value(row, changeable)) in _NO
        return f"Moodle says that it can't be changed ({table.rows[0][changeable or 0].value.strip()}: No)" if locked else ""

    return fill(table, column, placed, len(everybody), factor, keeps, warnings)


def participants(table: Table, path: Path) -> list[Person]:
    """The worksheet's rows. Raises UsageError without a column of identifiers."""
    identifiers = _identifiers(table)
    if identifiers is None:
        shown = ", ".join(cell.value.strip() for cell in table.rows[0][:4])
        raise UsageError(
            f"{path}: expected a grading worksheet as Moodle gives it, with identifiers such as 'Participant 4711', "
            f"found {shown[:120]!r}"
        )
    titles = [normal(cell.value) for cell in table.rows[0]]
    name = next((place for place, one in enumerate(titles) if one in _NAME), None)
    email = _emails(table)
    found = []
    for row in range(1, len(table.rows)):
        identity = _PARTICIPANT.fullmatch(table.value(row, identifiers))
        if identity:
            shown = table.value(row, name) if name is not None else ""
            address = table.value(row, email) if email is not None else ""
            found.append(Person(row, shown, identity[1], email=address))
    return found


def _identifiers(table: Table) -> int | None:
    """The first column of which every cell is a word and a number, or a number alone in the first column."""
    for place in range(len(table.rows[0])):
        cells = [text for text in table.column(place)[1:] if text]
        if cells and all(_PARTICIPANT.fullmatch(text) for text in cells) and (place == 0 or not cells[0].isdigit()):
            return place
    return None


def _emails(table: Table) -> int | None:
    counts = {place: sum("@" in text for text in table.column(place)[1:]) for place in range(len(table.rows[0]))}
    best = max(counts, key=lambda place: counts[place])
    return best if counts[best] * 2 > len(table.rows) - 1 else None


def _column(table: Table, titles: list[str], wanted: str | None, path: Path) -> Column:
    """The grades': by name, by a title that is known, or by what stands beside the highest grades."""
    highest = next((place for place, one in enumerate(titles) if one in _HIGHEST), None)
    if wanted is not None:
        found = [place for place, one in enumerate(titles) if one == normal(wanted)]
    else:
        found = [place for place, one in enumerate(titles) if one in _GRADE]
        if not found and highest:
            found = [highest - 1]
    if len(found) != 1:
        shown = ", ".join(repr(cell.value.strip()[:40]) for cell in table.rows[0])
        problem = (
            f"{len(found)} columns are called {wanted!r}" if wanted is not None else "it is not clear which column is the grade"
        )
        raise UsageError(f"{path}: {problem}; name it with --assignment: {shown[:300]}")
    (place,) = found
    limits = [number_in(text) for text in table.column(highest)[1:]] if highest is not None else []
    mark = decimal_mark(table.column(place)) or (decimal_mark(table.column(highest)) if highest is not None else None)
    return Column(place, table.rows[0][place].value.strip(), next((one for one in limits if one is not None), None), mark or ".")
