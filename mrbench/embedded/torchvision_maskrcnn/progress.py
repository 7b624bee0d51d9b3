"""What the training tells and sets by the number of the iteration: log lines, learning rate."""

from __future__ import annotations

EVERY = 20  # iterations, between two lines of the log
WARM_UP = 1000  # iterations


def learning_rate(iteration: int, full: float) -> float:
    """Return the rate of an iteration (from 0): a straight line from 1/1000 to all of `full`."""
    done = min(iteration / WARM_UP, 1.0)
    return full * (0.001 * (1 - done) + done)


def due(index: int, per_epoch: int) -> bool:
    """Tell whether a line follows an epoch's iteration `index` (from 0)."""
    return (index + 1) % EVERY == 0 or index + 1 == per_epoch


def line(
    place: tuple[int, int, int],
    *,
    rate: float,
    loss: float,
    seconds: float,
    waited: float,
    memory_bytes: int,
) -> str:
    """Write a line as torchvision's reference training does.

    place: epoch and iteration, both from 0, and iterations per epoch. loss, seconds, waited: means
    over the iterations since the line before, per iteration. memory_bytes: the most that was taken
    on the GPU, 0 where there is none.
    """
    epoch, index, per_epoch = place
    return (
        f"Epoch: [{epoch}]  [{index:{len(str(per_epoch))}d}/{per_epoch}]  lr: {rate:.6f}"
        f"  loss: {loss:.4f}  time: {seconds:.4f}  data: {waited:.4f}"
        + (f"  max mem: {memory_bytes >> 20}" if memory_bytes else "")
    )
