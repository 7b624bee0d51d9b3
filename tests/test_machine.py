"""What is told of the machine: what its training inherits, and no secret."""

import pytest
from msgspec.structs import replace

from jobs import make_job
from mrbench.launch import machine


def test_what_a_training_inherits_is_told_and_secrets_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://me:geheim@proxy:3128")
    monkeypatch.setenv("WANDB_API_KEY", "geheim")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    told = machine.facts(replace(make_job("true"), inherit=("WANDB_*",)))
    assert told.variables["https_proxy"] == "http://***@proxy:3128"
    assert told.variables["WANDB_API_KEY"] == "***"
    assert told.variables["WANDB_MODE"] == "offline"
    assert "geheim" not in str(told)
    assert "OMP_NUM_THREADS" not in told.variables
    assert told.not_passed is not None
    assert "OMP_NUM_THREADS" in told.not_passed
