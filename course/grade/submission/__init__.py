"""From what was handed in to the notebook that is run: the teacher's, with the student's sources in it.

In: the files of a submission, and the teacher's notebook with and without solutions. Out: a copy of the teacher's
notebook in which answers and essays are the student's, with the cells that the student added, and a sentence for
everything that was kept or had to be repaired. Nothing of the student's is run here, and of a student's file only
sources get through: metadata are hints for finding cells and nothing else; tags, points and roles are the teacher's
(one tag in a student's file gives full marks in nbgrader).

`course.notebooks` chooses among what was handed in and makes cells of bytes. Here, `code` reads Python without
running it, `cells` says what the teacher's and the student's cells are, `recognising` which of them is which,
`choosing` which one holds each answer, `keeping` what was added to the teacher's cells, `building` puts all of it
together, `saying` says so, `needed` finds the part of an excursus that the rest needs.
"""
