"""The build: a wheel carries the committed files that an answer needs; all else stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NOT_FOR_ANSWERS = ("dataset_tokens", "estimator_scores.json", "__pycache__")
"""Of ``constants/``: what only training and evaluation read."""


class BuildWithConstants(build_py):
    """Puts ``constants/`` into the package; an editable install finds it in the clone."""

    def run(self) -> None:
        """Build as always without what made the thesis, then copy."""
        if not self.editable_mode:
            self.packages = [name for name in self.packages if name.partition(".")[0] == "ptmrec"]
        super().run()
        if not self.editable_mode:
            ignored = shutil.ignore_patterns(*NOT_FOR_ANSWERS)
            shutil.copytree(
                "constants", Path(self.build_lib) / "ptmrec" / "constants", ignore=ignored, dirs_exist_ok=True
            )


setup(cmdclass={"build_py": BuildWithConstants})
