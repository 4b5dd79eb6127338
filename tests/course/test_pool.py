"""The pool: what a job's worker does to itself costs nobody else anything.

The workers here are real processes, but with a stand-in for grading that does what the student's name says.
"""

import contextlib
import dataclasses
import subprocess
import sys
import time

import dask
import nbformat
import psutil
import pytest

from course.grade import cluster, pool
from course.grade.job import Job
from course.grade.sandbox.limits import Limits, SandboxUnavailable

NURSERY = """
import os, pathlib, signal, sys
from course.grade import pool
from course.grade.sandbox.limits import MachineExhausted, SandboxUnavailable

class Warm:
    models = ""
    def __init__(self, *wanted): self.kind, self.limits, self.modules = wanted
    def wait_until_ready(self): pass
    def leave(self): pass
    def close(self): pass

def grade(job, warm):
    what = job.student.partition("-")[0]
    once = pathlib.Path(os.environ["ONCE"])
    if what == "dies" or what == "once" and not once.exists():
        once.touch()
        os._exit(1)
    if what == "hangs":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        signal.pause()
    if what == "raises":
        raise KeyError("cells")
    if what in ("exhausted", "starved"):
        first = once.with_name(job.student)
        if what == "starved" or not first.exists():
            first.touch()
            raise MachineExhausted
    if what == "nowhere":
        raise SandboxUnavailable("There is no sandbox on this machine.")
    return pool.jobs.ungraded(job, "graded", str(os.getppid()))  # the worker: a job runs in a fork

pool.Warm, pool.jobs.grade, pool._load_libraries = Warm, grade, lambda names: None
pool.jobs.prepare = lambda job: None
pool.nurse(int(sys.argv[1]))
"""


@pytest.fixture(scope="module", autouse=True)
def stand_in(tmp_path_factory):
    """Workers that do what the student's name says, and little patience with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONCE", str(tmp_path_factory.mktemp("once") / "died"))
        patch.setattr(pool, "NURSERY", NURSERY)
        patch.setattr(pool, "MARGIN", 12.0)  # loading Python on a busy machine
        patch.setattr(pool, "GRACE", 0.2)
        yield


@pytest.fixture(scope="module")
def job(small_source):
    """A function: student → a job."""
    source = nbformat.writes(small_source).encode()
    plain = Job("", "sums", "sums", source, source, (), limits=Limits(total_seconds=0))
    return lambda student: dataclasses.replace(plain, student=student)


def local(todo, workers):
    """Run jobs with a crew of their own."""
    with contextlib.closing(pool.Crew()) as crew:
        yield from pool.local(todo, workers, crew, print)


@pytest.fixture(scope="module")
def verdicts(job):
    """What a class with all kinds of trouble gets, by student."""
    todo = [job(student) for student in ("hangs", "fine-1", "dies", "fine-2", "once", "fine-3", "raises", "fine-4")]
    return {job.student: graded.verdict for job, graded in local(todo, 3)}


class TestTrouble:
    def test_every_submission_has_a_verdict(self, verdicts):
        assert len(verdicts) == 8

    def test_the_others_are_graded(self, verdicts):
        assert {verdicts[f"fine-{number}"].verdict for number in (1, 2, 3, 4)} == {"graded"}

    def test_a_worker_is_kept_for_the_next_job(self, verdicts):
        assert len({verdicts[f"fine-{number}"].cause for number in (1, 2, 3, 4)}) < 4

    def test_a_job_whose_worker_died_is_run_again(self, verdicts):
        assert verdicts["once"].verdict == "graded"

    def test_a_job_whose_workers_died_twice_is_given_up(self, verdicts):
        verdict = verdicts["dies"]
        assert (verdict.verdict, verdict.score, verdict.max_score) == ("kernel_died", None, 9)
        assert verdict.cause == (
            "The grader failed twice with this submission (its referee died): please report it with the notebook."
        )

    def test_a_mistake_of_the_grader_is_said(self, verdicts):
        assert (verdicts["raises"].verdict, "KeyError: 'cells'" in verdicts["raises"].cause) == ("kernel_died", True)

    def test_a_worker_that_hangs_is_killed(self, verdicts):
        assert (verdicts["hangs"].verdict, verdicts["hangs"].max_score) == ("timed_out", 9)


@pytest.fixture(scope="module")
def scarce(job):
    """What is said, and verdicts in their order, where two of four jobs find no memory on the machine."""
    said = []
    todo = [job(student) for student in ("exhausted", "starved", "fine-1", "fine-2")]
    with contextlib.closing(pool.Crew()) as crew:
        return said, [(job.student, graded.verdict) for job, graded in pool.local(todo, 2, crew, said.append)]


def test_what_found_no_memory_is_run_again_when_the_rest_is_done(scarce):
    said, verdicts = scarce
    assert {student for student, _ in verdicts[:2]} == {"fine-1", "fine-2"}
    assert dict(verdicts)["exhausted"].verdict == "graded"
    assert "one at a time: 2." in said[0]


def test_what_finds_none_by_itself_either_is_not_blamed(scarce):
    verdict = dict(scarce[1])["starved"]
    assert (verdict.verdict, verdict.score) == ("out_of_memory", None)
    assert "not the notebook" in verdict.cause


def test_so_it_is_through_dask(job, monkeypatch):
    distributed = pytest.importorskip("distributed")
    said, todo = [], [job(student) for student in ("exhausted-2", "fine-1")]
    dasks = distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with dasks, contextlib.closing(pool.Crew()) as crew:
        monkeypatch.setattr(cluster, "_CREW", crew)
        done = list(cluster.dask(todo, dasks.scheduler_address, said.append))
    assert [job.student for job, _ in done] == ["fine-1", "exhausted-2"]
    assert {graded.verdict.verdict for _, graded in done} == {"graded"}
    assert "one at a time: 1." in said[0]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_workers_that_were_prepared_do_the_jobs(job):
    todo = [job("fine-1"), job("fine-2")]
    with contextlib.closing(pool.Crew()) as crew:
        crew.prepare(2, pool.Preparation.of(todo[0]))
        prepared = set(crew.workers)
        done = list(pool.local(todo, 2, crew, print))
        assert crew.workers == prepared
    assert {graded.verdict.cause for _, graded in done} <= {str(worker.pid) for worker in prepared}


READING_A_TEST = """
import sys
from course.grade import pool
pool._load_libraries(pool.INSIDE)
from course.grade.judge import inside
before = set(sys.modules)
inside.as_python("%time 1")
print(*set(sys.modules) - before)
"""


def test_what_reads_a_test_is_loaded_before_the_fork():
    """IPython takes a tenth of a second, as long as the rest of the judging of a small notebook."""
    run = subprocess.run([sys.executable, "-c", READING_A_TEST], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_a_nursery_that_is_killed_is_followed_by_another(job):
    with contextlib.closing(pool.Crew()) as crew:
        for student in ("fine-1", "fine-2"):
            assert crew.run(job(student)).verdict.verdict == "graded"
            crew.nursery.process.kill()
            crew.idle.clear()


SLOW_NURSERY = """
import pathlib, sys, tempfile, time
from course.grade import pool

class Warm:
    def __init__(self, kind, limits, modules):
        self.trace = pathlib.Path(tempfile.mkstemp(dir=kind)[1])
    def close(self):
        self.trace.unlink()

pool.Warm, pool._load_libraries = Warm, lambda names: time.sleep(60)
pool.nurse(int(sys.argv[1]))
"""


def test_sandboxes_that_no_worker_has_taken_over_are_closed(monkeypatch, tmp_path):
    """When a class is stopped while the libraries are still being loaded."""
    monkeypatch.setattr(pool, "NURSERY", SLOW_NURSERY)
    monkeypatch.setattr(pool, "GRACE", 10.0)
    with contextlib.closing(pool.Crew()) as crew:
        crew.prepare(2, pool.Preparation(str(tmp_path), Limits(), (), ()))
        until = time.monotonic() + 120
        while len(list(tmp_path.iterdir())) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


class TestEnd:
    def test_nothing_is_left_when_the_class_is_done(self, job):
        before = children()
        list(local([job("fine")], 1))
        assert children() <= before

    def test_nothing_is_left_when_it_is_stopped_in_the_middle(self, job):
        before = children()
        started = time.monotonic()
        done = local([job("fine"), job("hangs-1"), job("hangs-2"), job("fine")], 2)
        next(done)
        done.close()
        assert children() <= before
        assert time.monotonic() - started < 20  # nobody has waited for those that hang

    def test_a_machine_without_a_sandbox_is_an_error_not_a_verdict(self, job):
        with pytest.raises(SandboxUnavailable, match="There is no sandbox on this machine"):
            list(local([job("fine"), job("nowhere")], 1))

    def test_no_jobs_need_no_workers(self):
        assert list(local([], 2)) == []


def test_a_scheduler_that_is_not_there_is_one_sentence(job):
    pytest.importorskip("distributed")  # before the setting: it brings its own
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(cluster.SchedulerError, match=r"The Dask scheduler tcp://127\.0\.0\.1:9 cannot be reached"),
    ):
        list(cluster.dask([job("fine")], "tcp://127.0.0.1:9", print))
