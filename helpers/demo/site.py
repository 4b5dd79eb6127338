"""The Django site: one form, one health page, and an error page for everything else.

In: a `Critic` for each language. Out: a WSGI application and a server for it. The whole site stands in this module:
settings, limits, middleware, views and URLs.
"""

import secrets
import threading
import time
from collections import OrderedDict, deque
from functools import cache, partial
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request
from django.views.decorators.cache import never_cache

from helpers.demo.critic import Critic, DemoError
from helpers.demo.words import LANGUAGES, Words
from helpers.language import BY_CODE

HERE = Path(__file__).parent
METHODS = ("GET", "HEAD", "POST")

# Limits, each with its reason.
MOST_CHARACTERS = 10_000  # of a review: several times what a model reads, and quick to tokenize
MOST_BYTES = 200_000  # of a request: a letter takes up to twelve bytes in a form
MOST_REVIEWS = 20  # of one client a minute: faster than anybody types
MINUTE = 60.0
MOST_CLIENTS = 10_000  # remembered at once: a few megabytes
PATIENCE = 30  # seconds for a client to send a request: a silent one would hold its thread for ever

# The page needs one style sheet and one form, so a browser is to allow no more: no script, wherever it comes from.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def application(critics: dict[str, Critic], hosts: list[str]):
    """Return the WSGI application. `critics` are those that there are, by language; the first one serves where a
    language has none. `hosts` are the names under which browsers may ask for the page; "*" is any.

    Django's settings belong to the process, so a process has one such application.
    """
    settings.configure(
        ALLOWED_HOSTS=hosts,
        APPEND_SLASH=False,
        CRITICS=critics,
        CSRF_FAILURE_VIEW=f"{__name__}.forbidden",
        DATA_UPLOAD_MAX_MEMORY_SIZE=MOST_BYTES,
        LANGUAGE_CODE="en",
        LANGUAGES=[(language, language) for language in LANGUAGES],
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
            f"{__name__}.refuse_early",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(50),
        STARTED=time.monotonic(),
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE]}],
        VISITS=Visits(MOST_REVIEWS, MINUTE, MOST_CLIENTS),
    )
    django.setup()
    return get_wsgi_application()


def server(app, host: str, port: int) -> ThreadedWSGIServer:
    """Return a server that listens already; `serve_forever` answers. Port 0 is any free one. Raises `DemoError`."""
    try:
        listening = ThreadedWSGIServer((host, port), Handler, ipv6=":" in host)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DemoError(f"The page cannot listen on {host}, port {port} ({reason}): choose another --port.") from None
    listening.daemon_threads = True
    listening.set_app(app)
    return listening


class Handler(WSGIRequestHandler):
    timeout = PATIENCE


class Visits:
    """How often each client has asked lately. Remembers a limited number of clients, the latest ones."""

    def __init__(self, most: int, seconds: float, clients: int):
        self.most, self.seconds, self.clients = most, seconds, clients
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._turn = threading.Lock()

    def wait(self, client: str, now: float) -> float:
        """Count a visit; returns 0, or how many seconds the client has to wait, and then the visit does not count."""
        with self._turn:
            times = self._times.setdefault(client, deque())
            self._times.move_to_end(client)
            while len(self._times) > self.clients:
                self._times.popitem(last=False)
            while times and times[0] <= now - self.seconds:
                times.popleft()
            if len(times) >= self.most:
                return times[0] + self.seconds - now
            times.append(now)
            return 0.0


# ---- middleware


def add_policy(get_response):
    """Say on every response what it may load, in which language it is, and for which request."""

    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        response["Content-Language"] = words_for(request).language
        patch_vary_headers(response, ["Accept-Language"])
        return response

    return middleware


def refuse_early(get_response):
    """Answer 405 and 413 before anybody reads what was sent."""

    def middleware(request):
        if request.method not in METHODS:
            response = error(405, request)
            response["Allow"] = ", ".join(METHODS)
            return response
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > MOST_BYTES:
            return error(413, request)
        return get_response(request)

    return middleware


# ---- views


def words_for(request) -> Words:
    """The texts in the first language of `Accept-Language` that the page has, else in English."""
    return LANGUAGES[get_language_from_request(request)]


def critic_for(words: Words) -> Critic:
    """Who reads what is written on the page in this language."""
    return settings.CRITICS.get(words.language) or next(iter(settings.CRITICS.values()))


@never_cache
def review(request):
    """The form, and below it what the model thinks of the text that was sent."""
    if request.method != "POST":
        return page(request)
    words = words_for(request)
    text = request.POST.get("text", "").replace("\r\n", "\n")
    if not text.strip():
        return page(request, status=400, problem=words.empty)
    if len(text) > MOST_CHARACTERS:
        return page(request, status=413, problem=words.too_long.format(most=MOST_CHARACTERS), text=text)
    seconds = settings.VISITS.wait(request.META["REMOTE_ADDR"], time.monotonic())
    if seconds:
        response = page(request, status=429, problem=words.errors[429][1], text=text)
        response["Retry-After"] = str(int(seconds) + 1)
        return response
    opinion = critic_for(words).judge(text)
    return page(
        request,
        text=text,
        opinion=opinion,
        hundredths=round(100 * opinion.p_positive),
        percent=words.percent.format(hundredths=round(100 * opinion.p_positive)),
        rating=words.rating.format(rating=opinion.rating),
        stars="★" * opinion.rating,
        rest="☆" * (10 - opinion.rating),
    )


def page(request, *, status: int = 200, **context) -> HttpResponse:
    words = words_for(request)
    reads = critic_for(words).language
    lead = words.lead if reads == words.language else words.lead_foreign.format(language=BY_CODE[reads].name)
    context |= {"words": words, "most": MOST_CHARACTERS, "reads": reads, "lead": lead}
    context["placeholder"] = LANGUAGES[reads].placeholder
    return render(request, "page.html", context, status=status)


@never_cache
def health(request):
    """What a program that watches over the page wants to know."""
    uptime = round(time.monotonic() - settings.STARTED)
    names = {language: critic.name for language, critic in settings.CRITICS.items()}
    return JsonResponse({"status": "ok", "models": names, "uptime_seconds": uptime})


def style(request):
    return HttpResponse(_style(), content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=3600"})


@cache
def _style() -> bytes:
    return (HERE / "style.css").read_bytes()


def error(status: int, request, exception=None, **_) -> HttpResponse:
    """The page of an error, in the reader's language; Django calls it, too."""
    if isinstance(exception, RequestDataTooBig):
        status = 413
    words = words_for(request)
    title, sentence = words.errors[status]
    context = {"words": words, "status": status, "heading": title, "sentence": sentence}
    return render(request, "error.html", context, status=status)


def forbidden(request, reason=""):
    """Called for a form without its token: from another site, or without cookies."""
    return error(403, request)


urlpatterns = [path("", review), path("health", health), path("style.css", style)]
handler400 = partial(error, 400)
handler403 = partial(error, 403)
handler404 = partial(error, 404)
handler500 = partial(error, 500)
