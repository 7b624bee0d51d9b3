"""`mrbench data synth` and `mrbench data check`: their arguments, and what they print."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.cli.values import positive, whole
from mrbench.console import make_reporter
from mrbench.console.report import print_report
from mrbench.errors import UnavailableError
from mrbench.model.inputs import SyntheticData
from mrbench.model.reporter import Reporter
from mrbench.prepare.data.inspect import Report, inspect_coco
from mrbench.prepare.data.synth import counts, draw
from mrbench.text import printable

COMMAND = Command(
    group="Get ready and clean up",
    order=5,
    brief="draw or check a dataset",
    help="Draw a small dataset, or check a COCO dataset folder.",
)

EVERY_S = 5.0
DEFAULT_SIZE = (640, 480)  # pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench data`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    synth = actions.add_parser(
        "synth",
        help="draw a dataset in COCO's format, to try things out or train without COCO",
        description="Draw a dataset in COCO's format; the same seed draws the same bytes.",
        examples="""\
mrbench data synth DIR --images 16 --size 320x240
mrbench data synth DIR --images 2000 --like coco""",
    )
    synth.add_argument("folder", metavar="DIR", type=Path, help="new, empty, or drawn before")
    synth.add_argument("--images", type=positive, default=64, metavar="N", help="default: 64")
    how = synth.add_mutually_exclusive_group()
    how.add_argument("--size", type=_size, metavar="WxH", help="default: 640x480")
    purpose = "sizes, objects, outlines and bytes of an image as COCO's, to train at real size"
    how.add_argument("--like", choices=["coco"], help=purpose)
    synth.add_argument("--seed", type=whole, default=0, metavar="S", help="default: 0")
    add_json(synth)
    whole_folder = actions.add_parser(
        "check",
        help="read a whole COCO dataset folder, and report what is wrong with it",
        description=(
            "Check a COCO dataset folder: layout, counts, annotations, and whether every image"
            " opens; ends with 4 if anything is missing or broken."
        ),
        examples="""\
mrbench data check DIR
mrbench data check DIR --archives DIR    # compare the archives' digests, too""",
    )
    whole_folder.add_argument(
        "folder", metavar="DIR", type=Path, help="COCO dataset folder, or drawn images"
    )
    whole_folder.add_argument(
        "--archives", metavar="DIR", type=Path, help="folder of COCO's archives"
    )
    add_json(whole_folder)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and len(text) < 32:  # noqa: PLR2004 - any size
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text!r} is not WxH, as 640x480")


def main(args: argparse.Namespace) -> int:
    """Draw a dataset, or check one."""
    return _synth(args) if args.action == "synth" else _check(args)


def _synth(args: argparse.Namespace) -> int:
    began = time.monotonic()
    width, height = (None, None) if args.like else args.size or DEFAULT_SIZE
    spec = SyntheticData(
        images=args.images, width=width, height=height, like=args.like, seed=args.seed
    )
    with make_reporter(quiet=False) as reporter:
        drawn = draw(args.folder, spec, _teller(reporter, "drawn"))
    images = counts(args.images)
    seconds = time.monotonic() - began
    if args.json:
        made = {"folder": str(args.folder), "drawn": drawn, "images": images}
        made |= {"width": width, "height": height, "like": args.like}
        made |= {"seed": args.seed, "seconds": seconds}
        print_json(made)
    elif drawn:
        sets = ", ".join(f"{name} {number:,}" for name, number in images.items())
        print(f"{printable(str(args.folder))}: images {spec.kind}: {sets}; in {seconds:.1f} s")
    else:
        print(f"{printable(str(args.folder))}: is there already")
    return 0


def _check(args: argparse.Namespace) -> int:
    """Return 4 if anything is missing or broken; notes alone are no failure."""
    with make_reporter(quiet=False) as reporter:
        reporter.stage("data", f"reading {args.folder}")
        report = inspect_coco(args.folder, args.archives, _teller(reporter, "opened"))
    if args.json:
        findings = [finding.plain() for finding in report.findings]
        print_json(report._asdict() | {"findings": findings, "sound": report.sound})
    else:
        print_report("", report.findings, _verdict(report))
    return 0 if report.sound else UnavailableError.exit_code


def _teller(reporter: Reporter, what: str) -> Callable[[int, int], None]:
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_S:
            last = time.monotonic()
            reporter.stage("data", f"{done:,} of {total:,} images {what}")

    return tell


def _verdict(report: Report) -> str:
    rate = report.images / report.seconds if report.seconds else 0
    kind = "drawn by mrbench" if report.drawn else "COCO"
    years = " and ".join(report.years)
    state = ("sound" if report.sound else "problems found") if years else "no COCO files found"
    return (
        f"{report.folder}: {', '.join(filter(None, (kind, years)))}: {state};"
        f" {report.images:,} images opened, {report.annotation_files} annotation files and"
        f" {report.archives} archives read in {report.seconds:.1f} s"
        + (f" ({rate:,.0f} images/s)" if rate else "")
    )
