"""Random tokens for `litgpt pretrain --data litgpt_data.Tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litgpt.data import DataModule
from torch.utils.data import DataLoader

from drawn import Drawn

if TYPE_CHECKING:
    import torch


class Tokens(DataModule):
    """litgpt's door to the sequences: it wants one token more than it trains on."""

    def __init__(self, vocabulary: int, seed: int = 0) -> None:
        super().__init__()
        self.vocabulary, self.seed = vocabulary, seed
        self.batch, self.length = 1, 1

    def connect(
        self, tokenizer: object = None, batch_size: int = 1, max_seq_length: int | None = None
    ) -> None:
        """Hear from litgpt how much it wants at once."""
        del tokenizer
        if max_seq_length is None:
            raise SystemExit("litgpt_data: set --train.max_seq_length")
        self.batch, self.length = batch_size, max_seq_length + 1

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        """Return the batches to train on."""
        return self._loader(self.seed)

    def val_dataloader(self) -> DataLoader[torch.Tensor]:
        """Return those of the two that litgpt tries out before it trains."""
        return self._loader(self.seed + 1)

    def _loader(self, seed: int) -> DataLoader[torch.Tensor]:
        drawn = Drawn(self.length, self.vocabulary, seed)
        return DataLoader(drawn, batch_size=self.batch, shuffle=True)
