"""`course doctor`: what this machine can do."""

import json
from pathlib import Path

HELP = "Say what works on this machine, what does not, and what to do about it."
EXAMPLE = "course doctor"
MARKS = {"ok": ("✓", "green"), "weak": ("!", "yellow"), "fails": ("✗", "red")}


def arguments(parser) -> None:
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder with source/ and submitted/ (.)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there, one JSON object a line")


def run(options) -> int:
    import dataclasses

    from rich.console import Console
    from rich.text import Text

    from course import doctor
    from course.folder import replace_file
    from course.verdict import printable

    console = Console()
    findings = []
    for finding in doctor.examine(options.course_dir):
        findings.append(finding)
        mark, colour = MARKS[finding.status]
        console.print(Text(f"{mark} {finding.name}: ", colour) + Text(printable(finding.found)), soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"    {printable(finding.remedy)}"), soft_wrap=True)
    if options.json:
        lines = [json.dumps(dataclasses.asdict(finding), ensure_ascii=False) for finding in findings]
        replace_file(options.json, "".join(f"{line}\n" for line in lines).encode())
    failed = [finding.name for finding in findings if finding.status == "fails"]
    print(f"Grading would fail: see {', '.join(failed)}." if failed else "A class can be graded here.")
    return 1 if failed else 0
