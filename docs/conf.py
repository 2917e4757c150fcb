"""The site of the pages, for `make docs`: their sources are the Markdown that GitHub shows, with relative links."""

from pathlib import Path

import nbformat

import ptmrec
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig

ROOT = Path(__file__).resolve().parents[1]

project, author, version = "ptmrec", "The ptmrec authors", ptmrec.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "notebooks/*.ipynb", "thesis/*.md"]
# Not looked through at all: they hold thousands of files.
exclude_patterns = [".*", "artifacts", "constants", "experiments", "ptmrec", "tests"]
html_theme, html_title = "furo", f"ptmrec {version}"
html_static_path, html_css_files = ["site.css"], ["site.css"]
html_show_copyright = False
highlight_language = "none"  # a block without a language is what a command said
napoleon_use_ivar = True
nb_execution_mode = "off"
nb_merge_streams = True
myst_heading_anchors = 4

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CONTENTS = {
    "How-tos": {
        "My images": "docs/recommend",
        "What is read of them": "docs/inputs",
        "My network": "docs/network",
        "My limits": "docs/hardware",
        "My trainer, my figure": "CONTRIBUTING",
        "The thesis again": "docs/thesis",
        "Long runs, SLURM": "docs/cluster",
    },
    "Reference": {"Calls and classes": "docs/reference", "Changes": "CHANGELOG"},
    "Explanations": {
        "How it ranks": "docs/explained",
        "The zoo": "docs/zoo",
        "Speed, damage, parts": "docs/engineering",
        "Another class for the thesis": "thesis/SECTION_1-2_SETUP_GUIDE",
    },
    "Results": {
        "All results": "docs/results",
        **{path.stem.replace("_", " "): f"notebooks/{path.stem}" for path in NOTEBOOKS},
    },
}
"""The contents beside every page: what GitHub shows as the links of README.md."""


def add_contents(app, name, source):
    """Add the contents to the first page, whose source has none that GitHub would show as code."""
    if name == root_doc:
        for caption, pages in CONTENTS.items():
            entries = "\n".join(f"{title} <{page}>" for title, page in pages.items())
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"


def show_outputs(app, name, source):
    """Take a notebook from the last run that has it, with its outputs; where there is none, say so above it."""
    if name.startswith("notebooks/"):
        runs = sorted((ConfigParser().get(PathsConfig).artifacts / "runs").glob(f"*/{Path(name).name}.ipynb"))
        notebook = nbformat.read(runs[-1] if runs else ROOT / f"{name}.ipynb", nbformat.NO_CONVERT)
        if not runs:
            note = "*No run is here to show the outputs of: `make reproduce`, then `make docs`.*"
            notebook.cells.insert(1, nbformat.v4.new_markdown_cell(note))
        source[0] = nbformat.writes(notebook)


def lead_to_the_first_page(app, error):
    """Write the page a server shows first."""
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "index.html").write_text('<meta http-equiv="refresh" content="0; url=README.html">\n')


def setup(app):
    """Join the build."""
    app.connect("source-read", add_contents)
    app.connect("source-read", show_outputs)
    app.connect("build-finished", lead_to_the_first_page)
