"""The student's side of the course: datasets, models, reference functions, plots.

Importing the package is cheap: torch, transformers and matplotlib are imported by the functions that
need them. It has side effects, on purpose. OpenMP threads that wait must sleep, not spin: on two
shared cores that made a training step up to eight times faster, and OpenMP reads the setting only
once, when torch is imported. The threads of NumPy's linear algebra spin as well: with one of them a
logistic regression on 840 vectors takes 0.08 s instead of 0.3, beside a busy program instead of 0.6 to
2.5. And two libraries are kept from warning of what does not matter here.
"""

import os
import platform
import sys
import warnings

__version__ = "0.1.0"

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if "torch" in sys.modules:
        warnings.warn(
            "torch was imported before helpers, so OMP_WAIT_POLICY=PASSIVE comes too late and training on a "
            "shared CPU may be several times slower: restart the kernel and import helpers first.",
            stacklevel=2,
        )

if platform.machine() in ("x86_64", "AMD64"):  # elsewhere torch may compute with the same library
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # too late, and no harm, where NumPy has been imported before

# Datasets are tokenized in this process; forked workers would only print warnings about it.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Without ipywidgets, as in a clean JupyterLab, tqdm greets the first import of transformers with a red box; its bars
# are switched off anyway (`models.quiet`).
warnings.filterwarnings("ignore", message="IProgress not found")
