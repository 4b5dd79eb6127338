"""What is handed in, before it is graded: which file counts, what it says, which notebook of the course it is.

In: bytes. Out: cells, and a choice. Collecting and grading choose with this code, so that they choose alike.
"""
