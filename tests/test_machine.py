"""What is told of the machine: what changes how training runs, and no secret."""

import pytest

from mrbench.launch import machine


def test_variables_that_change_training_are_told_and_secrets_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_CUDNN_USE_AUTOTUNE", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("TF_VAR_password", "secret")  # Terraform's, not TensorFlow's
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "secret")
    told = machine.facts().variables
    assert told["TF_CUDNN_USE_AUTOTUNE"] == "0"
    assert told["OMP_NUM_THREADS"] == "2"
    assert "secret" not in told.values()
