"""Sphinx's settings for one language; what they depend on lies in `site.json`, beside the pages."""

import json
import os
from pathlib import Path

HERE = Path(__file__).parent
SITE = json.loads(Path(os.environ["COURSE_SITE"], "site.json").read_text(encoding="utf-8"))

project = SITE["words"]["title"]
html_title = project
extensions = ["myst_nb", "course.site.extension"]
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
html_math_renderer = "mathml"
html_theme = "furo"
html_theme_options = {"top_of_page_buttons": ["view"]}  # a template of ours puts the languages in its place
html_copy_source = False
html_use_index = False
exclude_patterns = ["_build"]
html_show_sphinx = False
html_show_copyright = False
templates_path = [str(HERE / "templates")]
html_static_path = [str(HERE / "static")]
html_favicon = str(HERE / "static" / "icon.svg")
html_css_files = ["course.css"]
html_js_files = ["course.js"]
suppress_warnings = ["misc.highlighting_failure"]  # sketches of code have an ellipsis in them
html_context = {"site": SITE}
