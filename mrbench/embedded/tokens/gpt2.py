"""The model that Trainer and Lightning train, and what is said of a training before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from transformers import GPT2Config, GPT2LMHeadModel

if TYPE_CHECKING:
    from argparse import Namespace


class Workload(NamedTuple):
    """What a trainer understood of its work: batches of sequences of length tokens a step."""

    devices: int
    device: str
    sequences: int  # of a batch of one device
    batches: int  # of an optimizer step
    length: int
    precision: str

    def words(self) -> str:
        """Say it, with the tokens of all devices in an optimizer step."""
        tokens = self.devices * self.batches * self.sequences * self.length
        return (
            f"{self.devices} x {self.device}, {tokens} tokens a step in {self.batches} batches of"
            f" {self.sequences} sequences of {self.length}, {self.precision}"
        )


def make(options: Namespace) -> GPT2LMHeadModel:
    """Make transformers' GPT-2 of the size asked for, with random weights and without dropout."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=options.vocabulary,
            n_positions=options.length,
            n_embd=options.width,
            n_layer=options.layers,
            n_head=options.heads,
            attn_pdrop=0.0,
            embd_pdrop=0.0,
            resid_pdrop=0.0,
            use_cache=False,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def say(text: str) -> None:
    """Print a line, at once."""
    print(text, flush=True)  # noqa: T201 - the log
