"""Sequences of random tokens: no file, no network, the same each run."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

SEQUENCES = 1_000_000  # more than any run sees, so that no epoch ends


class Drawn(Dataset[torch.Tensor]):
    """Sequences of `length` tokens out of `vocabulary`; each is drawn when it is asked for."""

    def __init__(self, length: int, vocabulary: int, seed: int = 0) -> None:
        self.length, self.vocabulary, self.seed = length, vocabulary, seed

    def __len__(self) -> int:
        return SEQUENCES

    def __getitem__(self, index: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(self.seed * SEQUENCES + index)
        return torch.randint(self.vocabulary, (self.length,), generator=generator)
