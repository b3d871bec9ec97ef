import pytest
import torch

from picker.config import ModelSettings
from picker.machine import precision
from picker.machine.precision import choose_precision
from picker.networks import build_model

CPU = torch.device("cpu")
XEON_2019 = "fpu sse2 avx2 avx512f avx512bw avx512_vnni"
ZEN_4 = f"{XEON_2019} avx512_bf16"
XEON_2023 = f"{ZEN_4} amx_bf16 amx_tile amx_int8"


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """Pretend to run on a processor with these abilities."""

    def pretend(flags):
        path = tmp_path / f"cpuinfo_{len(flags)}"
        path.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: amx_bf16\n")
        monkeypatch.setattr(precision, "CPUINFO", path)

    for variable in precision.LARGEST_ISA:
        monkeypatch.delenv(variable, raising=False)
    return pretend


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (XEON_2019, torch.float32),
        (ZEN_4, torch.float32),
        (XEON_2023, torch.bfloat16),
    ],
)
def test_auto_takes_bfloat16_where_a_processor_is_fast_at_it(
    processor, flags, expected
):
    processor(flags)
    assert choose_precision("auto", CPU).dtype is expected


def test_a_system_that_does_not_describe_its_processor_has_float32(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "none")
    assert choose_precision("auto", CPU).dtype is torch.float32


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        ("AVX512_CORE", torch.float32),
        ("avx512_core_bf16", torch.float32),
        ("AVX512_CORE_AMX", torch.bfloat16),
        ("default", torch.bfloat16),
        ("", torch.bfloat16),
    ],
)
def test_what_is_kept_from_onednn_does_not_count(
    processor, monkeypatch, largest, expected
):
    processor(XEON_2023)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", largest)
    assert choose_precision("auto", CPU).dtype is expected


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_setting_is_followed_whatever_the_processor(processor, name):
    processor(XEON_2019)
    assert str(choose_precision(name, CPU)) == f"{name} (as set)"


def test_the_reason_is_told(processor):
    processor(XEON_2019)
    expected = "float32 (no AMX, without which bfloat16 is slower)"
    assert str(choose_precision("auto", CPU)) == expected


def test_a_v_net_trains_in_float32_where_its_wider_kernels_cover_the_map(processor):
    processor(XEON_2023)
    model = build_model(ModelSettings(preset="small"), 1, "vnet")
    deepest = [80 // model.alignment, 96 // model.alignment]
    chosen = [choose_precision("auto", CPU, (e, model.kernel)).dtype for e in deepest]
    assert chosen == [torch.float32, torch.bfloat16]
