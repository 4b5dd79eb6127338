"""What a test cell says about a submission.

In: the source of a test cell and a process of the student's. Out: its score, with a sentence for the student. There
are two ways. *Outside*: the test runs in the grader, and only plain values come over (`outside`, `remote`, `given`,
`weights`): nothing that a student's code does can change what a test says. *Inside*: the test runs where it stands, in
the student's process, as nbgrader would run it, and is watched (`inside`, `plants`). `result` is what both ways end in,
`hints` the sentence, `own_work` asks whether an answer is the student's own.
"""
