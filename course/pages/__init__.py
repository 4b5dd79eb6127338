"""What people read: HTML made of what grading wrote, in the reader's language. Escaped, without scripts.

`feedback` is a student's page, `markup` makes HTML of a teacher's Markdown and a student's outputs, `words` and
`sentences` are what the pages say in three languages.
"""
