"""The teacher's side: building, running and grading the course."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


class Refusal(Exception):
    """What a person can mend; the message is the sentence that they read."""
