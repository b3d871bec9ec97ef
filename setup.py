"""Puts the workflow beside the package's modules, so that a wheel has it too."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
WORKFLOW = ("Snakefile", "workflow", "profiles", "envs")


class WithWorkflow(build_py):
    """Builds the package, with the workflow in its folder `pipeline`."""

    def run(self) -> None:
        """Copy modules, then the workflow; an editable install has the checkout's."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "picker", "pipeline")
        shutil.rmtree(folder, ignore_errors=True)
        for name in WORKFLOW:
            source, target = ROOT / name, folder / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target, ignore=ignored)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


setup(cmdclass={"build_py": WithWorkflow})
