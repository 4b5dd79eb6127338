"""The page that rates reviews: what comes back for what is sent, in the reader's language, and in a real browser.

The model is one of known answers, so nothing is trained here but a handful of steps for the cache.
"""

import json
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest

from helpers import models, profiles

pytest.importorskip("django", reason="the page needs Django")

from django.test import Client

from helpers.demo import __main__ as command
from helpers.demo import critic as critics
from helpers.demo import site
from helpers.demo.words import LANGUAGES, Words
from tests import pages

SCRIPT = "<script>alert('hi')</script> & \"co\""
PRAISE = "A superb film, superb from the first minute to the last."
PAN = "Dull, dull, dull. A dull film about dull people."


@pytest.fixture(scope="module")
def closed_network():
    """Only this machine may be reached: the browser's driver and the page are there."""
    connect = socket.socket.connect

    def refuse(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a test tried to connect to {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="session")
def critic(short_tokenizer):
    tokenizer = short_tokenizer(64)
    return critics.Critic(models.lookup_critic({"superb": 1.0, "dull": -1.0}, tokenizer), tokenizer, "test-model")


@pytest.fixture(scope="session")
def spanish_critic(short_tokenizer):
    tokenizer = short_tokenizer(64)
    model = models.lookup_critic({"joya": 1.0, "bodrio": -1.0}, tokenizer)
    model.config.language = "es"
    return critics.Critic(model, tokenizer, "modelo")


@pytest.fixture(scope="session")
def app(critic, spanish_critic):
    """A page that nobody reads Russian for."""
    return site.application({"en": critic, "es": spanish_critic}, command.hosts("127.0.0.1"))


@pytest.fixture
def client(app):
    """A browser of its own address, which accepts English; its forms are checked for their token."""
    return Client(
        enforce_csrf_checks=True, headers={"host": "127.0.0.1", "accept-language": "en"}, REMOTE_ADDR=next(ADDRESSES)
    )


ADDRESSES = (f"10.0.{n // 250}.{n % 250 + 1}" for n in count())


def token(client, **options) -> str:
    form = client.get("/", **options).content.decode()
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]


def send(client, text, **options):
    """Fill in the form and send it."""
    return client.post("/", {"text": text, "csrfmiddlewaretoken": token(client)}, **options)


def seen(response) -> str:
    """The text of a page as a reader sees it."""
    body = re.sub(r"(?s)<head>.*?</head>", "", response.content.decode())
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


# ---- the form


def test_the_form_is_there(client):
    response = client.get("/")
    assert response.status_code == 200
    assert "<textarea" in response.content.decode()


@pytest.mark.parametrize(("text", "polarity"), [(PRAISE, "Positive"), (PAN, "Negative")])
def test_a_review_gets_polarity_and_stars(client, critic, text, polarity):
    opinion = critic.judge(text)
    response = send(client, text)
    assert response.status_code == 200
    assert polarity in seen(response)
    assert f"{opinion.rating} of 10" in seen(response)
    assert "★" * opinion.rating + " " + "☆" * (10 - opinion.rating) in seen(response)
    assert f"{opinion.p_positive:.0%}" in seen(response)


def test_the_review_stays_in_the_form(client):
    assert PRAISE in seen(send(client, PRAISE))


def test_html_in_a_review_is_shown_and_not_run(client):
    body = send(client, f"{SCRIPT}</textarea>{SCRIPT}").content.decode()
    assert "<script" not in body
    assert body.count("</textarea>") == 1
    assert body.count("&lt;script&gt;alert(&#x27;hi&#x27;)&lt;/script&gt; &amp; &quot;co&quot;") == 2


def test_a_line_break_at_the_beginning_of_a_review_stays(client):
    """A browser drops the first one after `<textarea>`."""
    assert ">\n\n superb" in send(client, "\n superb").content.decode()


@pytest.mark.parametrize("text", ["", " \r\n\t "])
def test_an_empty_review_is_refused_in_a_sentence(client, text):
    response = send(client, text)
    assert response.status_code == 400
    assert "Write a review first." in seen(response)
    assert 'role="alert"' in response.content.decode()


def test_a_form_without_a_text_is_refused_too(client):
    assert client.post("/", {"csrfmiddlewaretoken": token(client)}).status_code == 400


@pytest.mark.parametrize(
    "text", ["\x00", "superb\ud800".encode("utf-8", "replace").decode(), "😀" * 3000, "\u202e superb"]
)
def test_odd_texts_have_a_rating_too(client, text):
    assert send(client, text).status_code == 200


def test_what_was_not_read_is_said(client):
    assert "only a part of it was read" in seen(send(client, "superb " * 100))
    assert "only a part of it was read" not in seen(send(client, "superb " * 50))


# ---- limits


def test_a_review_of_the_longest_length_is_rated_however_lines_end(client):
    """A browser counts a line break once and sends it as two characters."""
    text = "a\r\n" * (site.MOST_CHARACTERS // 2)
    assert send(client, text).status_code == 200


def test_a_longer_review_is_refused_and_kept(client):
    text = "superb " * (site.MOST_CHARACTERS // 7 + 1)
    response = send(client, text)
    assert response.status_code == 413
    assert str(site.MOST_CHARACTERS) in seen(response)
    assert text.strip() in seen(response)


def test_a_large_request_is_refused_before_it_is_read(client):
    response = client.post("/", {"text": "a" * (site.MOST_BYTES + 1)})
    assert response.status_code == 413
    assert "More was sent" in seen(response)


def test_too_many_form_fields_are_a_bad_request(client):
    response = client.post("/", {"csrfmiddlewaretoken": token(client)} | {f"field{n}": "" for n in range(1100)})
    assert response.status_code == 400
    assert "could not be understood" in seen(response)


def test_a_client_that_asks_too_often_has_to_wait(client):
    answers = [send(client, "superb").status_code for _ in range(site.MOST_REVIEWS)]
    assert set(answers) == {200}
    response = send(client, "superb film")
    assert response.status_code == 429
    assert "Wait a minute" in seen(response)
    assert "superb film" in seen(response)
    assert 1 <= int(response["Retry-After"]) <= 61


def test_another_client_need_not_wait(client, app):
    for _ in range(site.MOST_REVIEWS + 1):
        send(client, "superb")
    other = Client(headers={"host": "127.0.0.1"}, REMOTE_ADDR=next(ADDRESSES))
    assert send(other, "superb").status_code == 200


def test_a_client_may_ask_again_when_its_time_has_passed():
    visits = site.Visits(most=2, seconds=60, clients=10)
    assert [visits.wait("a", now) for now in (0, 10, 20)] == [0, 0, 40]
    assert visits.wait("a", 60) == 0
    assert visits.wait("a", 60) == 10


def test_only_so_many_clients_are_remembered():
    visits = site.Visits(most=1, seconds=60, clients=2)
    assert [visits.wait(client, 0) for client in "abc"] == [0, 0, 0]
    assert visits.wait("c", 0) == 60
    assert visits.wait("a", 0) == 0  # forgotten


# ---- safety


def test_a_form_from_elsewhere_is_refused(client):
    response = client.post("/", {"text": PRAISE})
    assert response.status_code == 403
    assert "out of date" in seen(response)


def test_a_wrong_token_is_refused(client):
    client.get("/")
    assert client.post("/", {"text": PRAISE, "csrfmiddlewaretoken": "x" * 64}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/health", "/style.css", "/nothing"])
def test_every_response_has_the_headers_that_bind_a_browser(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = dict(part.split(None, 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"  # so there is no script, inline or not
    assert "script-src" not in policy
    assert policy["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("name", ["page.html", "error.html"])
def test_no_template_holds_a_script_or_a_style(name):
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", (site.HERE / name).read_text())


def test_a_page_is_not_kept_by_a_cache(client):
    assert "no-store" in client.get("/")["Cache-Control"]


def test_a_foreign_name_of_this_machine_is_refused(app):
    """A page elsewhere could let its own name point at 127.0.0.1 and read the answers."""
    response = Client(headers={"host": "evil.example"}, REMOTE_ADDR=next(ADDRESSES)).get("/")
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("host", "names"), [("0.0.0.0", ["*"]), ("::", ["*"]), ("10.1.2.3", ["10.1.2.3", "localhost"])]
)
def test_the_names_of_the_host_are_those_it_listens_on(host, names):
    assert set(names) <= set(command.hosts(host))


# ---- languages


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("ru", "ru"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("de-DE,de;q=0.9,ru;q=0.5,en;q=0.4", "ru"),
        ("en;q=0.2,es;q=0.7", "es"),
        ("de", "en"),
        ("*", "en"),
        ("", "en"),
        (";;q=x,,\u00e9", "en"),
    ],
)
def test_the_page_speaks_the_readers_language(client, accept, language):
    response = client.get("/", headers={"accept-language": accept})
    assert LANGUAGES[language].label in seen(response)
    assert f'<html lang="{language}">' in response.content.decode()
    assert response["Content-Language"] == language
    assert "Accept-Language" in response["Vary"]


@pytest.mark.parametrize(("language", "reads"), [("en", "en"), ("es", "es"), ("ru", "en")])
def test_the_page_says_in_which_language_it_wants_its_reviews(client, language, reads):
    words, body = LANGUAGES[language], client.get("/", headers={"accept-language": language}).content.decode()
    assert (words.lead if language == reads else words.lead_foreign.format(language="English")) in body
    assert f'<textarea id="text" name="text" lang="{reads}"' in body
    assert f'placeholder="{LANGUAGES[reads].placeholder}"' in body


def test_a_review_is_read_by_the_critic_of_the_pages_language(client, critic, spanish_critic):
    text = "una joya, y no un bodrio: joya, joya"
    spanish = spanish_critic.judge(text).p_positive
    assert f"{spanish:.0%}"[:-1] in seen(send(client, text, headers={"accept-language": "es"}))
    assert critic.judge(text).p_positive < 0.55 < spanish
    assert "50%" in seen(send(client, text))


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_opinions_and_errors_are_in_that_language(client, words):
    headers = {"headers": {"accept-language": words.language}}
    spanish = words.language == "es"
    assert words.positive in seen(send(client, "una joya" if spanish else PRAISE, **headers))
    assert words.negative in seen(send(client, "un bodrio" if spanish else PAN, **headers))
    assert words.empty in seen(send(client, "", **headers))
    assert words.errors[404][1] in seen(client.get("/nothing", **headers))
    assert words.errors[403][1] in seen(client.post("/", {"text": PAN}, **headers))
    assert words.errors[405][1] in seen(client.put("/", **headers))
    assert words.errors[413][1] in seen(client.post("/", {"text": "a" * site.MOST_BYTES}, **headers))


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_every_language_says_everything(words: Words):
    texts = [text for text in vars(words).values() if isinstance(text, str)]
    assert all(texts)
    assert set(words.errors) == {400, 403, 404, 405, 413, 429, 500}
    assert all(len(pair) == 2 and all(pair) for pair in words.errors.values())
    assert words.rating.format(rating=7) and "7" in words.rating.format(rating=7)
    assert "99" in words.too_long.format(most=99)


def test_russian_is_written_in_cyrillic():
    words = LANGUAGES["ru"]
    texts = [text for name, text in vars(words).items() if name not in ("language", "placeholder", "errors")]
    texts += [text for pair in words.errors.values() for text in pair]
    words_in = [re.sub(r"\{\w+\}", "", text) for text in texts]  # without what is put in later
    assert [text for text in words_in if re.search(r"\w", text) and not re.search("[а-яё]", text, re.I)] == []


# ---- health and errors


def test_health_is_for_programs(client):
    response = client.get("/health")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    report = json.loads(response.content)
    assert (report["status"], report["models"]) == ("ok", {"en": "test-model", "es": "modelo"})
    assert report["uptime_seconds"] >= 0


@pytest.mark.parametrize("path", ["/nothing", "/style.css/", "/health/", "/admin/", "/%00", "/../page.html"])
def test_other_addresses_are_not_found(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no page here." in seen(response)


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods_are_not_allowed(client, method):
    response = getattr(client, method)("/")
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST"


def test_a_head_request_is_answered(client):
    assert client.head("/").status_code == 200


def test_a_mistake_of_the_program_is_a_page_and_tells_nothing(app, monkeypatch, caplog):
    client = Client(headers={"host": "127.0.0.1"}, REMOTE_ADDR=next(ADDRESSES), raise_request_exception=False)
    monkeypatch.setattr(
        "django.conf.settings.CRITICS", {"en": SimpleNamespace(language="en", judge=lambda text: 1 / 0)}
    )
    response = client.post("/", {"text": "a secret text"})
    assert response.status_code == 500
    assert "Something went wrong" in seen(response)
    assert "ZeroDivisionError" not in response.content.decode()
    assert "ZeroDivisionError" in caplog.text  # for the one who runs it
    assert "a secret text" not in caplog.text


# ---- the model


def test_many_requests_at_once_get_their_own_answers(critic):
    texts = [PRAISE, PAN, "a film"] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(critic.judge, texts)) == [critic.judge(text) for text in texts]


@pytest.fixture
def saved(critic, tmp_path):
    """A folder such as `trainer.save_model` writes."""
    critic.model.save_pretrained(tmp_path / "mine")
    critic.tokenizer.save_pretrained(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_saved_model_is_served(saved, critic):
    loaded = critics.load(saved)
    assert (loaded.name, loaded.language) == ("mine", "en")
    assert loaded.judge(PRAISE) == critic.judge(PRAISE)
    assert loaded.judge("superb " * 100).is_truncated


@pytest.mark.parametrize(("told", "language"), [("es", "es"), ("tlh", "en"), (None, "en"), (["es"], "en")])
def test_a_saved_model_says_which_language_it_reads(saved, told, language):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"language": told}))
    assert critics.load(saved).language == language


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_without_a_model_is_named(saved, one_sentence, name):
    (saved / name).unlink()
    with one_sentence(critics.DemoError, str(saved), name, "trainer.save_model"):
        critics.load(saved)


def test_a_folder_that_is_not_there_is_named(tmp_path, one_sentence):
    with one_sentence(critics.DemoError, str(tmp_path / "nowhere"), "--model"):
        critics.load(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", [b"", b"no weights"])
def test_damaged_weights_are_refused(saved, damage):
    (saved / "model.safetensors").write_bytes(damage)
    with pytest.raises(critics.DemoError, match="cannot be loaded"):
        critics.load(saved)


def test_a_model_of_three_classes_is_refused(saved, one_sentence):
    from transformers import BertConfig, BertForSequenceClassification

    small = BertConfig(vocab_size=10, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, num_labels=3)
    BertForSequenceClassification(small).save_pretrained(saved)
    with one_sentence(critics.DemoError, "3 classes"):
        critics.load(saved)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    return tmp_path / "transformers-course"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_first_start_trains_and_the_second_does_not(cache, monkeypatch, capsys, language):
    trained = []

    def train(profile, folder):
        trained.append(profile)
        train_two_steps(profile, folder)

    def train_two_steps(profile, folder):
        real(replace(profile, max_steps=2, batch_size=2, frozen_layers=6, max_length=16), folder)

    real = critics.train
    monkeypatch.setattr(critics, "train", train)
    first, second = critics.default(language), critics.default(language)
    assert trained == [profiles.load("reviews", "offline", data_language=language)]
    assert "First start" in capsys.readouterr().err
    assert first.judge(PRAISE) == second.judge(PRAISE)
    assert first.language == second.language == language
    assert [path.name for path in cache.glob("reviews-*")] == [first.name]


def test_a_training_that_fails_leaves_nothing_behind(cache, monkeypatch):
    monkeypatch.setattr("transformers.Trainer.train", lambda self: None)
    monkeypatch.setattr("transformers.Trainer.save_model", lambda self, folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        critics.default("en")
    assert list(cache.iterdir()) == []


# ---- the command


def test_help_has_an_example_and_says_where_the_model_comes_from(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert [
        word for word in ("--host", "--port", "--model FOLDER", "--lang", "example:", "first start") if word not in said
    ] == []


def test_without_django_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install"):
        command.main([])


@pytest.mark.parametrize("port", ["busy", "-1", "70000"])
def test_a_port_that_cannot_be_had_is_said_in_a_sentence(port):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1]) if port == "busy" else port
        with pytest.raises(SystemExit, match=rf"port {port} .*--port\.$"):
            command.main(["--port", port])


def test_the_command_serves_a_saved_model(saved):
    from urllib.request import urlopen

    started = subprocess.Popen(
        [sys.executable, "-m", "helpers.demo", "--port", "0", "--model", str(saved)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = started.stdout.readline().split()[0]
        assert json.load(urlopen(f"{address}/health"))["models"] == {"en": "mine"}
    finally:
        started.terminate()
        started.communicate()


def test_a_language_whose_encoder_is_not_to_be_had_is_left_out(monkeypatch, critic, capsys):
    monkeypatch.setattr(critics, "default", only(critic))
    assert command.trained(["en", "ru"]) == {"en": critic}
    assert "No critic for Russian: no encoder" in capsys.readouterr().err


def test_where_there_is_no_critic_at_all_there_is_no_page(monkeypatch, critic, one_sentence):
    monkeypatch.setattr(critics, "default", only(critic))
    with one_sentence(critics.DemoError, "no critic"):
        command.trained(["ru", "es"])


def only(critic):
    def default(language):
        if language != critic.language:
            raise models.ModelUnavailable("no encoder")
        return critic

    return default


def test_models_of_several_languages_are_served_together(monkeypatch, critic, spanish_critic):
    monkeypatch.setattr(critics, "load", {"a": critic, "b": spanish_critic}.get)
    assert command.saved(["a", "b"]) == {"en": critic, "es": spanish_critic}


# ---- in a browser


@pytest.fixture(scope="module")
def address(app):
    listening = site.server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1200, 900)], ids=["phone", "desk"])
def test_a_reader_types_a_review_and_reads_its_stars(browser, address, critic, width, height):
    from selenium.webdriver.common.by import By

    pages.show(browser, address, width, height)
    for text, polarity in [(PRAISE + " <b>Go!</b>", "Positive"), (PAN, "Negative")]:
        field = browser.find_element(By.NAME, "text")
        field.clear()
        field.send_keys(text)
        browser.find_element(By.TAG_NAME, "button").click()
        pages.until(browser, f"document.querySelector('[name=text]').defaultValue === {json.dumps(text)}")
        opinion = critic.judge(text)
        assert polarity in browser.find_element(By.ID, "polarity").text
        stars = browser.find_element(By.ID, "stars").text
        assert (stars.count("★"), len(stars)) == (opinion.rating, 10)
        assert browser.find_element(By.ID, "rating").text == f"{opinion.rating} of 10"
        assert browser.find_element(By.NAME, "text").get_property("value") == text
        assert pages.fits(browser), "the page must not scroll sideways"
    radius = browser.find_element(By.TAG_NAME, "main").value_of_css_property("border-radius")
    assert radius != "0px", "its style is there"
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
