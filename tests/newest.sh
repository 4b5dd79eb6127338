#!/usr/bin/env bash
# The course with the newest transformers and datasets there are, whatever pyproject.toml allows: what a release breaks
# shows here before a student meets it. In an environment of its own, which is removed afterwards.
#
#     bash tests/newest.sh                       # the tests of helpers
#     bash tests/newest.sh tests/test_flow.py    # what pytest is to run instead
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --help ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --editable '.[offline,demo]' --editable './course[site,test]'
"$folder/env/bin/pip" install --quiet --upgrade transformers datasets
"$folder/env/bin/pip" list --format=freeze | grep -iE '^(transformers|datasets|tokenizers|huggingface_hub|torch|numpy)=='
"$folder/env/bin/python" -m pytest -p no:cacheprovider --numprocesses 2 --dist loadfile "${@:-tests/helpers}"
