"""What the benches have measured, beside the goals: rows of the READMEs' tables.

In: `benches` of results.json, the JSON of each bench by its name. Out: rows, in the language of a README. A bench that
nobody has run has no rows.
"""

FLOOR = {8: 2.0, 32: 1.5}  # submissions → how much longer than the lowest possible time a class may take
OVER_NBGRADER = 6.0  # times as fast with a class of small notebooks
OVER_ENGLISH = 1.5  # times as long as a class that writes in English
LADDER = ("per_hour", "way_p50", "way_p95", "start", "peak_gib")
DASK = "dask"  # as the ladder calls what is graded through it


def shrunk(figures: dict) -> dict:
    """The JSON of a bench without what only other programs read: curves, and seconds submission by submission."""
    if isinstance(figures, dict):
        return {name: shrunk(value) for name, value in figures.items() if name not in ("curve", "on_worker")}
    return [shrunk(value) for value in figures] if isinstance(figures, list) else figures


def goal_rows(record: dict, words: dict) -> list[list[str]]:
    """What was to be reached, and what was: one line a goal."""
    benches, said = record["benches"], words["measures"]
    return [
        *_of_grading(benches.get("ladder", {}).get("rungs", ()), record["grading"], said),
        *_of_languages(benches.get("languages"), said),
        *_of_training(benches.get("training"), said),
        *_of_inference(benches.get("inference"), said),
        *_of_start(benches.get("start"), said),
    ]


def _of_grading(rungs, classes: list[dict], said: dict):
    for rung in rungs:
        if rung["how"] != DASK and rung["workers"] == rung["cores"] and rung["students"] in FLOOR:
            what = said["floor"].format(count=rung["students"])
            yield _times(what, rung["seconds"] / rung["floor"], most=FLOOR[rung["students"]])
    for figures in classes:
        if figures["assignment"] == "small":
            yield _times(said["small"].format(count=figures["students"]), figures["ratio"], least=OVER_NBGRADER)


def _of_languages(figures: dict | None, said: dict):
    for language, ratio in (figures or {"over_english": {}})["over_english"].items():
        name = f"{figures['unit']}-{language}"
        what = said["languages"].format(count=figures["students"], name=name, unit=figures["unit"])
        yield _times(what, ratio, most=OVER_ENGLISH)


def _of_training(figures: dict | None, said: dict):
    for task, ratio in (figures or {"median_ratios": {}})["median_ratios"].items():
        pairs = [pair for pair in figures["pairs"] if pair["task"] == task]
        what = said["training"].format(task=task, rows=pairs[0]["rows"], count=len(pairs))
        yield _times(what, ratio, least=figures["goal"]) if ratio else [what, f"≥ {figures['goal']:g} ×", "–"]


def _of_inference(figures: dict | None, said: dict):
    for case in (figures or {"functions": ()})["functions"]:
        way = said["sixteen" if case["against"].startswith("16") else "one"]
        what = said["inference"].format(function=case["function"], count=case["texts"], way=way)
        yield _times(what, case["ratio"], least=figures["goal"])


def _of_start(figures: dict | None, said: dict):
    notebooks = []
    for point in (figures or {"found": ()})["found"]:
        name, _, notebook = point["what"].partition(" run ")
        if notebook:
            notebooks.append((point["seconds"], notebook, point["goal"]))
        else:
            key = {"course build, all units": "build", "course --help": "help"}.get(name, "import")
            yield _seconds(said[key], point["seconds"], point["goal"], said["seconds"])
    if notebooks:
        longest, name, goal = max(notebooks)
        within = sum(seconds <= goal for seconds, *_ in notebooks)
        what = said["notebooks"].format(count=len(notebooks), within=within, name=name)
        yield _seconds(what, longest, goal, said["seconds"])


def _times(what: str, ratio: float, *, most: float = 0.0, least: float = 0.0) -> list[str]:
    return [what, f"≤ {most:g} ×" if most else f"≥ {least:g} ×", f"{ratio:.2f} ×"]


def _seconds(what: str, seconds: float, goal: float, unit: str) -> list[str]:
    return [what, f"≤ {goal:g} {unit}", f"{seconds:.3g} {unit}"]


def ladder_rows(record: dict, words: dict) -> list[list[str]]:
    """One line a class: who graded it, how fast, and what the processors did."""
    rows = []
    for rung in record["benches"].get("ladder", {}).get("rungs", ()):
        who = words["by_dask" if rung["how"] == DASK else "here"].format(count=rung["workers"])
        figures = [f"{rung[name]:g}" for name in LADDER]
        cpu = " / ".join(f"{seconds:.0f}" for seconds in rung["cpu"].values())
        over = f"{rung['seconds'] / rung['floor']:.2f}"
        rows.append([str(rung["students"]), who, *figures, cpu, over, "=" if rung["identical"] else "≠"])
    return rows


def foretold_rows(record: dict, words: dict) -> list[list[str]]:
    """One line for each way in which a class that nobody can measure here would be graded."""
    return [
        [
            words["by_dask" if point["how"] == DASK else "here"].format(count=point["workers"]),
            words["hourly" if point["failures"] else "none"],
            f"{point['seconds'] / 3600:.1f}",
            str(point["per_hour"]),
            f"{point['ledger']:.0%}",
            str(point["again"]),
            str(point["given_up"]),
        ]
        for point in record["benches"].get("simulation", {}).get("foretold", ())
    ]


def database_rows(record: dict) -> list[list[str]]:
    """One line for each database and number of writers, into an empty gradebook."""
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    return [
        [
            names[point["database"]],
            str(point["writers"]),
            f"{point['per_second']:.0f}",
            *(f"{1000 * point[name]:.0f}" for name in ("p50", "p95")),
            str(point["refused"]),
        ]
        for point in record["benches"].get("database", ())
        if not point["already"]
    ]


def overload_rows(record: dict, words: dict) -> list[list[str]]:
    """One line for each trouble that classes went through."""
    names = ("classes", "submissions", "struck", "given_up", "others", "changed")
    return [
        [words["troubles"][trouble], *(str(figures[name]) for name in names)]
        for trouble, figures in record["benches"].get("overload", {}).items()
    ]
