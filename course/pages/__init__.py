"""What people read: HTML made of what grading wrote, in the reader's language. Escaped; nothing of others runs in it.

`feedback` is a student's page. `report` is the teacher's: `standing` says who stands where, `statistics` what the marks
say of the exercises, `similarity` who wrote the same, `texts` what the notebooks call it all, `voice` says it, `tables`
has the same for spreadsheets. `markup` makes HTML of a teacher's Markdown and a student's outputs; `sentences` are the
grader's in the reader's language.
"""
