"""So that the stock `nbgrader` command works in this folder: `nbgrader autograde ner-en`."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "transformers-course"
c.Execute.timeout = 120  # seconds for one cell: training on a shared processor takes longer than nbgrader's 30
c.Execute.skip_cells_with_tag = "__never__"  # a tag on a test cell must not give full marks
c.IncludeHeaderFooter.header = ""
# What students write acts neither in formgrader nor in nbgrader's own feedback pages.
c.HTMLExporter.filters = {"strip_files_prefix": "course.grade.formgrader.harmless"}
