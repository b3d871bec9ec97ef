import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from picker.training.optimizer import Adam

ROOT = Path(__file__).parents[3]
RATES = (0.01, 0.02, 0.005)


def weights():
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4), (7,), (2,))
    return [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]


def set_gradients(parameters, step):
    """Of the last parameter at odd steps alone."""
    generator = torch.Generator().manual_seed(step)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    if step % 2 == 0:
        parameters[-1].grad = None


def theirs(parameters):
    return torch.optim.Adam(parameters, weight_decay=0.1, decoupled_weight_decay=True)


def step_of_theirs(optimizer, rate):
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()


def test_it_changes_parameters_as_pytorchs_class_does():
    ours, expected = weights(), weights()
    optimizer, reference = Adam(ours, 0.1), theirs(expected)
    for step, rate in enumerate(RATES):
        for parameters in (ours, expected):
            set_gradients(parameters, step)
        optimizer.step(rate)
        step_of_theirs(reference, rate)
    assert not torch.equal(ours[-1], weights()[-1])
    for one, other in zip(ours, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("saved_by_pytorch", [False, True])
def test_it_continues_from_a_saved_state(saved_by_pytorch, tmp_path):
    whole, parts = weights(), weights()
    optimizer = Adam(whole, 0.1)
    before = theirs(parts) if saved_by_pytorch else Adam(parts, 0.1)
    for step, rate in enumerate(RATES):
        set_gradients(whole, step)
        optimizer.step(rate)
    for step, rate in enumerate(RATES[:2]):
        set_gradients(parts, step)
        step_of_theirs(before, rate) if saved_by_pytorch else before.step(rate)
    state = before.state_dict() if saved_by_pytorch else before.state()
    torch.save(state, tmp_path / "state")
    after = Adam(parts, 0.1)
    after.restore(torch.load(tmp_path / "state", weights_only=True))
    set_gradients(parts, 2)
    after.step(RATES[2])
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one, other)


def test_training_loads_no_compiler(tmp_path):
    code = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from picker.config import BurnInSettings\n"
        "from picker.training.loop import compute_reproducibly\n"
        "from tests.unit.training.test_loop import train\n"
        "train(Path(sys.argv[1]), BurnInSettings(steps=2))\n"
        "compute_reproducibly(torch.device('cuda'))\n"
        "assert torch.are_deterministic_algorithms_enabled()\n"
        "compiler = {'torch._dynamo', 'torch._inductor', 'sympy'}\n"
        "assert not compiler & set(sys.modules), compiler & set(sys.modules)\n"
    )
    run = [sys.executable, "-c", code, tmp_path]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(run, check=True, cwd=ROOT, env=environment)
