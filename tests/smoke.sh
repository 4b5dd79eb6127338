#!/usr/bin/env bash
# One notebook with its solutions, cell by cell, in an environment of its own: what an install lacks shows here.
# The environment is made as README tells students to, with the tested versions; it is removed afterwards.
#
#     bash tests/smoke.sh ner-ru
set -euo pipefail
cd "$(dirname "$0")/.."

usage="usage: bash tests/smoke.sh UNIT-LANGUAGE, one of $(cd source && echo *-*)"
if [ "${1:-}" = --help ]; then
    echo "$usage"
    exit 0
fi
name=${1:-}
notebook="source/$name/${name%-*}.ipynb"
if [ $# != 1 ] || [ ! -f "$notebook" ]; then
    printf 'There is no notebook "%s".\n%s\n' "$*" "$usage" >&2
    exit 2
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --constraint constraints.txt ".[offline]" jupyterlab nbval pytest
cp "$notebook" "$folder"
mkdir "$folder/teacher"  # hidden tests read the texts that only the teacher's side has; all else is the student's
ln -s "$PWD/course" "$folder/teacher/course"
cd "$folder"
PYTHONPATH="$folder/teacher" env/bin/python -m pytest --nbval-lax -p no:cacheprovider "${name%-*}.ipynb"
