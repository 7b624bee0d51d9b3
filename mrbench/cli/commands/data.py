"""`mrbench data synth` and `mrbench data check`: their arguments, and what they print."""

import argparse
from collections.abc import Callable

from mrbench.cli.arguments import as_path, positive, whole

TYPE_CHECKING = False  # the argument tree is made for --version too
if TYPE_CHECKING:
    from mrbench.console import Reporter
    from mrbench.prepare.data.inspect import Report

EVERY_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench data`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    synth = actions.add_parser("synth", help="draw a small dataset in COCO's format, for trying")
    synth.description = "Draw a small dataset in COCO's format; the same seed draws the same bytes."
    synth.add_argument("folder", metavar="DIR", type=as_path, help="new, empty, or drawn before")
    synth.add_argument("--images", type=positive, default=64, metavar="N", help="default: 64")
    synth.add_argument(
        "--size", type=_size, default=(640, 480), metavar="WxH", help="default: 640x480"
    )
    synth.add_argument("--seed", type=whole, default=0, metavar="S", help="default: 0")
    check = actions.add_parser("check", help="read all of COCO, and tell what is wrong with it")
    check.description = (
        "Look through a folder of COCO: layout, counts, annotations, and whether every image opens;"
        " ends with 4 if anything is missing or broken."
    )
    check.add_argument("folder", metavar="DIR", type=as_path, help="of COCO, or of drawn images")
    check.add_argument("--archives", metavar="DIR", type=as_path, help="where its archives are")
    check.add_argument("--json", action="store_true", help="as JSON")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal():
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text!r} is not WxH, as 640x480")


def main(args: argparse.Namespace) -> int:
    """Draw a dataset, or check one."""
    return _synth(args) if args.action == "synth" else _check(args)


def _synth(args: argparse.Namespace) -> int:
    import time  # noqa: PLC0415 - only this command

    from mrbench.model.recipe import SyntheticData  # noqa: PLC0415 - the same
    from mrbench.prepare.data.synth import counts, draw  # noqa: PLC0415 - the same: Pillow is slow to import

    began = time.monotonic()
    width, height = args.size
    spec = SyntheticData(images=args.images, width=width, height=height, seed=args.seed)
    if draw(args.folder, spec):
        sets = ", ".join(f"{name} {number:,}" for name, number in counts(args.images).items())
        seconds = time.monotonic() - began
        print(f"{args.folder}: images of {width}x{height}: {sets}; in {seconds:.1f} s")
    else:
        print(f"{args.folder}: is there already")
    return 0


def _check(args: argparse.Namespace) -> int:
    """Return 4 if anything is missing or broken; warnings alone are no failure."""
    from mrbench.console import make_reporter  # noqa: PLC0415 - only this command
    from mrbench.errors import UnavailableError  # noqa: PLC0415 - the same
    from mrbench.prepare.data.inspect import check  # noqa: PLC0415 - the same

    with make_reporter(quiet=False) as reporter:
        reporter.stage("data", f"reading {args.folder}")
        report = check(args.folder, args.archives, _teller(reporter))
    if args.json:
        import json  # noqa: PLC0415 - the same

        findings = [finding._asdict() for finding in report.findings]
        print(
            json.dumps(report._asdict() | {"findings": findings, "sound": report.sound}, indent=1)
        )
    else:
        print(_as_text(report))
    return 0 if report.sound else UnavailableError.exit_code


def _teller(reporter: "Reporter") -> Callable[[int, int], None]:
    import time  # noqa: PLC0415 - only this command

    said = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= EVERY_S:
            said = time.monotonic()
            reporter.stage("data", f"{done:,} of {total:,} images opened")

    return tell


def _as_text(report: "Report") -> str:
    lines = [f"{one.level}: {one.text}; {one.remedy}" for one in report.findings]
    rate = report.images / report.seconds if report.seconds else 0
    kind = "drawn by mrbench" if report.drawn else "COCO"
    years = " and ".join(report.years) or "nothing of it"
    lines.append(
        f"{report.folder}: {kind}, {years}: {'sound' if report.sound else 'not as it must be'};"
        f" {report.images:,} images opened, {report.annotation_files} annotation files and"
        f" {report.archives} archives read in {report.seconds:.1f} s"
        + (f" ({rate:,.0f} images/s)" if rate else "")
    )
    return "\n".join(lines)
