from pathlib import Path

import pytest

from picker.project.launch import job_prefix, start_status_page, training_command


def test_a_run_goes_on_without_its_status_page(monkeypatch, caplog):
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert start_status_page(Path()) is None
    assert "status.html is not kept up to date" in caplog.text


def test_one_gpu_or_none_needs_no_launcher():
    assert training_command(0) == training_command(1) == "python -m picker"


def test_several_gpus_of_one_node_have_a_process_each():
    said = training_command(4, nodes=1, tasks=1)
    assert said == "torchrun --standalone --nproc-per-node 4 -m picker"


def test_two_nodes_have_a_launcher_each_with_their_share_of_the_gpus():
    words = training_command(8, nodes=2, tasks=2, mpi=True).split()
    assert words[:5] == ["srun", "--nodes", "2", "--ntasks", "2"]
    assert words[words.index("--nproc-per-node") + 1] == "4"
    assert words[-2:] == ["-m", "picker"]


@pytest.mark.parametrize(
    "asked",
    [
        {"gpus": 2},
        {"gpus": 2, "tasks": 2},
        {"gpus": 3, "tasks": 2, "mpi": True},
        {"gpus": 4, "tasks": 4, "mpi": True},
    ],
)
def test_two_nodes_without_what_they_need_are_refused(asked):
    with pytest.raises(ValueError, match=r"nodes is 2 .* tasks: 2, .* that 2 divides"):
        training_command(nodes=2, **asked)


def test_jobs_find_the_package_and_our_python_and_no_users_modules():
    environment = {"PYTHONPATH": "/lib::/my lib:"}
    said = job_prefix(Path("/the root"), environment, "/venv/bin/python")
    assert said == (
        "set -euo pipefail; export PYTHONSAFEPATH=1"
        " PYTHONPATH='/the root:/lib:/my lib' PATH=/venv/bin:$PATH; "
    )
    assert "PATH=/venv" not in job_prefix(Path("/root"), {}, None)
    assert "{{x}}" in job_prefix(Path("/{x}"), {}, None)
