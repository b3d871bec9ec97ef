import shutil

import pytest

from tests.workflow.project import SMALL, Project


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project", SMALL)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """One project run to the end, to be copied by tests that change it."""
    made = Project(tmp_path_factory.mktemp("finished") / "project", SMALL)
    made.output = made.succeed()
    return made


@pytest.fixture
def copy(finished, tmp_path):
    """Return a finished project of one's own; times kept, so nothing is due."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    return Project(folder, SMALL)
