"""The Django site of the marking page: one person at this machine, nobody else.

In: a desk, the questions and the students' names. Out: a WSGI application and its server. It answers at the loopback
address only, to its own names only, below a path that nobody can guess; forms carry Django's token against forgery.
"""

import secrets
import sys
import threading
from collections.abc import Mapping

import django
from django import conf  # its `settings` by name would be looked into by doctest, before they are configured
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseNotFound, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from course import Refusal
from course.pages.marking.desk import Desk, Group, Key, Refused
from course.pages.marking.questions import Question
from course.pages.marking.view import View
from course.pages.markup import TEMPLATES

HOST = "127.0.0.1"
MOST_BYTES = 200_000  # of a request: a comment takes up to twelve bytes a letter in a form
PATIENCE = 30  # seconds for a browser to send a request: a silent one would hold its thread for ever
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
FILES = {"style.css": ("text/css", ("page.css", "marking.css")), "script.js": ("text/javascript", ("marking.js",))}


class SiteError(Refusal):
    """A page that cannot be served; the message says why."""


class Site:
    """What the views work with. One request at a time: the desk is one person's.

    `names`: student → name; `language` is the page's, `languages`: assignment → that of its notebook.
    """

    def __init__(
        self,
        desk: Desk,
        questions: Mapping[Key, Question],
        names: Mapping[str, str],
        language: str,
        languages: Mapping[str, str],
    ):
        self.desk, self.questions, self.names, self.languages = desk, list(questions.values()), names, languages
        self.view = View(language)
        self.shows_names = False
        self.notice = ""
        self.turn = threading.RLock()

    def refresh(self) -> None:
        """Read the gradebook anew; if it cannot be read, the page shows what was there, and why."""
        try:
            self.desk.refresh()
        except Refusal as problem:
            self.notice = str(problem)

    def said(self, refused: Refused, most: float = 0.0) -> str:
        return self.view.words[str(refused)].format(most=self.view.number(most))

    def question_of(self, group: Group) -> int:
        return next(n for n, question in enumerate(self.questions) if group in self.desk.groups.get(question.key, ()))


def server(site: Site, port: int) -> tuple[ThreadedWSGIServer, str]:
    """A server that listens already, and the address of the page; `serve_forever` answers. Port 0 is any free one.

    Django's settings belong to the process, so a process has one such server. Raises `SiteError`.
    """
    try:
        listening = Server((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SiteError(f"The page cannot listen on port {port} ({reason}): choose another --port.") from None
    secret = secrets.token_urlsafe(24)
    port = listening.server_address[1]
    conf.settings.configure(
        ALLOWED_HOSTS=[HOST, "localhost"],
        APPEND_SLASH=False,
        CSRF_COOKIE_HTTPONLY=True,
        CSRF_COOKIE_NAME=f"marking-{port}",  # a browser has one jar for all ports of a machine
        CSRF_COOKIE_PATH=f"/{secret}/",
        CSRF_COOKIE_SAMESITE="Strict",
        DATA_UPLOAD_MAX_MEMORY_SIZE=MOST_BYTES,
        LOGGING={
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"stderr": {"class": "logging.StreamHandler"}},
            "loggers": {
                "django": {"handlers": ["stderr"], "level": "ERROR"},
                "django.security.DisallowedHost": {"level": "CRITICAL"},  # somebody else's mistake
            },
        },
        MIDDLEWARE=[
            f"{__name__}.add_policy",
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(50),
        SITE=site,
    )
    below = f"{secret}/"
    urlpatterns[:] = [
        path(below, index, name="index"),
        path(f"{below}<int:place>/", question, name="question"),
        path(f"{below}mark", mark, name="mark"),
        path(f"{below}apart", take_out, name="apart"),
        path(f"{below}undo", undo, name="undo"),
        path(f"{below}names", names, name="names"),
        *(path(f"{below}{name}", file, {"name": name}, name=name) for name in FILES),
    ]
    django.setup()
    listening.set_app(get_wsgi_application())
    return listening, f"http://{HOST}:{port}/{below}"


class Server(ThreadedWSGIServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Browsers open connections that they do not use; nobody needs to read of their end."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, *_):
        """The address holds the secret."""


def add_policy(get_response):
    """Say on every response what it may load."""

    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return middleware


# ---- views


@require_GET
@never_cache
def index(request):
    """The questions, or the only one of them."""
    site: Site = conf.settings.SITE
    with site.turn:
        if len(site.questions) == 1:
            return HttpResponseRedirect("0/")
        site.refresh()
        return HttpResponse(site.view.index(site, get_token(request)))


@require_GET
@never_cache
def question(request, place: int):
    """A question with the answers to it, as the gradebook has them now."""
    site: Site = conf.settings.SITE
    with site.turn:
        if place >= len(site.questions):
            return not_found(request)
        site.refresh()
        text = site.view.question(site, place, get_token(request))
        site.notice = ""
        return HttpResponse(text)


@require_POST
def mark(request):
    """Points and a comment for a group."""
    site: Site = conf.settings.SITE
    points = request.POST.get("points") or request.POST.get("typed", "")
    number, version = _whole(request.POST.get("group")), _whole(request.POST.get("version"))
    with site.turn:
        try:
            group = site.desk.mark(
                number, version, _points(points), request.POST.get("comment", "").replace("\r\n", "\n")
            )
        except (Refused, Refusal) as problem:
            return _refused(request, problem, number)
        place = site.question_of(group)
        left = site.desk.left(site.questions[place].key)
        said = site.view.entered(group, left)
        return _changed(request, place, [group], said)


@require_POST
def take_out(request):
    """An answer is marked by itself."""
    site: Site = conf.settings.SITE
    with site.turn:
        try:
            group = site.desk.take_out(_whole(request.POST.get("group")), request.POST.get("answer", ""))
        except Refused as problem:
            return _refused(request, problem, 0)
        return HttpResponseRedirect(f"{site.question_of(group)}/#g{group.number}")


@require_POST
def undo(request):
    """What was entered last is taken back."""
    site: Site = conf.settings.SITE
    with site.turn:
        try:
            groups = site.desk.undo()
        except (Refused, Refusal) as problem:
            return _refused(request, problem, 0)
        place = site.question_of(groups[0])
        said = site.view.words["undone"].format(left=site.desk.left(site.questions[place].key))
        return _changed(request, place, groups, said)


@require_POST
def names(request):
    """Names are shown, or hidden again."""
    site: Site = conf.settings.SITE
    with site.turn:
        site.shows_names = not site.shows_names
        place = min(_whole(request.POST.get("place")), len(site.questions) - 1)
        if not _is_script(request):
            return HttpResponseRedirect(f"{place}/")
        groups = site.desk.groups.get(site.questions[place].key, [])
        return JsonResponse(_now(request, place, groups, "") | {"names": site.view.names_button(site)})


@require_GET
def file(request, name: str):
    kind, parts = FILES[name]
    text = "\n".join(TEMPLATES.loader.get_source(TEMPLATES, part)[0] for part in parts)
    return HttpResponse(text, content_type=f"{kind}; charset=utf-8")


def _changed(request, place: int, groups: list[Group], said: str) -> HttpResponse:
    """The groups as they are now: for the script their HTML, without one the page at their place."""
    site: Site = conf.settings.SITE
    if not _is_script(request):
        site.notice = said
        return HttpResponseRedirect(f"{place}/#g{groups[0].number}")
    return JsonResponse(_now(request, place, groups, said))


def _now(request, place: int, groups: list[Group], said: str) -> dict:
    """What the script puts into the page: how many are left, and the cards of these groups as they are now."""
    site: Site = conf.settings.SITE
    question = site.questions[place]
    return {
        "said": said,
        "place": place,
        "left": site.view.left(site.desk, question),
        "undo": site.desk.can_undo,
        "cards": {f"g{group.number}": site.view.card(site, group, get_token(request)) for group in groups},
    }


def _refused(request, problem: Exception, number: int) -> HttpResponse:
    site: Site = conf.settings.SITE
    group = next((g for place in site.desk.groups.values() for g in place if g.number == number), None)
    said = site.said(problem, group.most if group else 0.0) if isinstance(problem, Refused) else str(problem)
    reload = str(problem) == "changed"
    if _is_script(request) and not reload:
        return JsonResponse({"said": said}, status=409)
    site.notice = said
    if _is_script(request):
        return JsonResponse({"reload": True}, status=409)
    place = site.question_of(group) if group else _whole(request.POST.get("place"))
    return HttpResponseRedirect(f"{place}/" + (f"#g{number}" if group else ""))


def not_found(request, exception=None):
    return HttpResponseNotFound(conf.settings.SITE.view.words["not_here"], content_type="text/plain; charset=utf-8")


def _is_script(request) -> bool:
    return request.headers.get("X-Requested-With") == "fetch"


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _points(text: str) -> float | None:
    """What was typed; None for nothing. Raises `Refused`."""
    try:
        return float(text.replace(",", ".")) if text.strip() else None
    except ValueError:
        raise Refused("out_of_range") from None


urlpatterns: list = []
handler404 = not_found
