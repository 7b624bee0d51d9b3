"""The dictionaries that transformers' Trainer prints, where it draws no bars (disable_tqdm).

    {'loss': '6.203', 'epoch': '0.004', 'num_input_tokens_seen': 51200, 'train_runtime': '3.96'}

A line has no iteration: it comes every `logging_steps` of them, which log.every tells, and with
logging_first_step once more after the first. Version 5 prints texts of four digits, and the seconds
and tokens since the training began, evaluations included; its `train_tokens_per_second` is a mean
since then as well. Older versions print neither, so that only another clock tells the seconds.
"""

import math
import re
from collections.abc import Iterable, Iterator

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import (
    LOSS,
    NUMBER,
    Mark,
    TextFormat,
    blank_colours,
    last_digit,
    line_around,
    number,
    rank_and_stamp,
    significant_step,
)
from mrbench.measure.parsers.samples import to_samples
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample

_LINE = re.compile(rb"\{'loss': '?" + LOSS + rb"'?, [^{}\r\n]{0,2000}\}")
_RULE = TextFormat(number=_LINE, value=_LINE, timing="cumulative")
_DIGITS = 4  # of a quoted number
_FIRST = 2.5  # times the first line's epoch or tokens: then that was printed after iteration 1
_UNTIMED = Problem(
    "the lines of this version of transformers tell no seconds",
    "let mrbench run the training: it times the lines as they arrive",
)


def _field(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"'" + name + rb"': (?P<quote>'?)" + NUMBER + rb"'?(?=[,}])")


_EPOCH, _TOKENS, _SECONDS = map(_field, (b"epoch", b"num_input_tokens_seen", b"train_runtime"))


def parse(
    blocks: Iterable[Block],
    log: LogFormat,
    work_per_iteration: int,
    window: Window | None = None,  # noqa: ARG001 - the parsers' common signature
) -> Iterator[IterationSample]:
    """Yield the samples between the lines, log.every iterations apart."""
    every = log.every or 1
    return to_samples(_numbered(_marks(blocks), every), _RULE, log, work_per_iteration)


def _numbered(lines: Iterable[tuple[float, Mark]], every: int) -> Iterator[Mark]:
    """Give each line its iteration; each comes with its epoch, a fraction.

    A training's first line waits for the second, which shows whether it came after iteration 1.
    Where epoch or tokens grow by several lines' worth, lines were lost.
    """
    begins: tuple[float, Mark] | None = None
    count, before, each = 0, math.inf, 0.0
    tokens = None  # whether this log has them
    for epoch, mark in lines:
        tokens = mark.total_work is not None if tokens is None else tokens
        done = mark.total_work if tokens else epoch
        if done is None:
            continue  # the line is damaged
        if done < before:  # the first of a training, or of one that was started again
            if begins:
                yield begins[1]._replace(iteration=every)
            begins, count = (done, mark), 0
        elif begins:
            early = every > 1 and done > _FIRST * begins[0]
            yield begins[1]._replace(iteration=1 if early else every)
            each = done if early else begins[0]
            begins, count = None, 1 if early else 1 + _lines_of(done - before, each)
            yield mark._replace(iteration=count * every)
        else:
            count += _lines_of(done - before, each)
            yield mark._replace(iteration=count * every)
        before = done
    if begins:
        yield begins[1]._replace(iteration=every)


def _lines_of(done: float, each: float) -> int:
    """Return how many lines' worth of epoch or tokens was done, one at least."""
    return max(1, round(done / each)) if each > 0 and math.isfinite(done) else 1


def _marks(blocks: Iterable[Block]) -> Iterator[tuple[float, Mark]]:
    for offset, raw in blocks:
        block = blank_colours(raw)
        for match in _LINE.finditer(block):
            epoch = _EPOCH.search(block, match.start(), match.end())
            if epoch is None:
                continue
            seconds = _SECONDS.search(block, match.start(), match.end())
            tokens = _TOKENS.search(block, match.start(), match.end())
            left, _ = line_around(block, match.start(), match.start())
            rank, printed = rank_and_stamp(block[left : match.start()])
            yield (
                number(epoch[2]),
                Mark(
                    0,
                    number(seconds[2]) if seconds else math.nan,
                    offset + match.end(),
                    loss=number(match[1]),
                    error=_error(seconds) if seconds else 0.0,
                    printed=printed,
                    rank=rank,
                    untold=None if seconds else _UNTIMED,
                    total_work=number(tokens[2]) if tokens else None,
                ),
            )


def _error(seconds: re.Match[bytes]) -> float:
    if not seconds["quote"]:
        return last_digit(seconds[2]) / 2
    return significant_step(number(seconds[2]), _DIGITS) / 2
