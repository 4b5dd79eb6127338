"""So that nbgrader's commands and formgrader work in this folder, and do what `course` does."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "transformers-course"
c.Execute.timeout = 120  # seconds for one cell: training on a shared processor takes longer than nbgrader's 30
c.Execute.iopub_timeout = 60  # seconds without a word from the kernel: nbclient's 4 fail the honest where it is busy
c.Execute.skip_cells_with_tag = "__never__"  # a tag on a test cell must not give full marks
c.IncludeHeaderFooter.header = ""

# For any course that `course` grades: `nbgrader autograde`, `generate_feedback` and formgrader's buttons do what
# `course grade` and `course feedback` do. Submissions stay in the sandbox, hidden tests off the students' pages.
c.Autograde.exporter_class = c.GenerateFeedback.exporter_class = "course.grade.formgrader.CourseCommand"
c.ExchangeFactory.release_feedback = "course.grade.formgrader.ReleaseFeedback"
# What students write acts nowhere in formgrader.
c.HTMLExporter.filters = {"strip_files_prefix": "course.grade.formgrader.harmless"}
# Penalties for lateness count from the marks as they are.
c.ExportApp.plugin_class = "course.grade.export.InStep"
