"""`mrbench verify`: check runs, and print what was found."""

import argparse
import sys
from pathlib import Path

from msgspec.structs import replace

from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import latest
from mrbench.console.report import print_report
from mrbench.errors import CheckFailed, MrbenchError
from mrbench.model.finding import Finding, count
from mrbench.record import ledger
from mrbench.record.archive import opened
from mrbench.record.rundir import read_bytes
from mrbench.record.signature import altered, signer_of
from mrbench.record.verify import Verification, verify
from mrbench.record.verify.ledger import check_all
from mrbench.text import one_line

COMMAND = Command(
    group="Look at runs",
    order=3,
    brief="recompute and check a run",
    help=(
        "Recompute a run's number, and check everything that its record says; ends with 7 if "
        "anything does not match. Of a ledger: its chain, and that the folder's runs are in it."
    ),
    examples="""\
mrbench verify RUN
mrbench verify minimask                    # its latest run
mrbench verify runs/demo/*/* run.tar.gz    # folders and archives
mrbench verify runs/ledger.jsonl           # are all runs there?
mrbench verify run.tar.gz --signers allowed_signers    # who signed it?""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench verify`."""
    purpose = (
        "a run's folder, the end of its path, a `mrbench pack` archive, or an implementation"
        " (its latest run); or a ledger.jsonl"
    )
    parser.add_argument("run", nargs="+", metavar="RUN", help=purpose)
    purpose = "read all files of its environment, if that is still in the cache"
    parser.add_argument("--deep", action="store_true", help=purpose)
    purpose = "who may sign, as ssh-keygen's allowed_signers: an archive must be signed by one"
    parser.add_argument("--signers", type=Path, metavar="FILE", help=purpose)
    add_runs(parser)
    add_json(parser, "print JSON, a list of runs")


def main(args: argparse.Namespace) -> int:
    """Check each run; 7 if anything in any of them does not match."""
    if args.signers:
        read_bytes(args.signers)  # a mistyped path says nothing of any run
    code, answers = 0, []
    for name in args.run:
        try:
            if Path(name).name == ledger.FILE:
                findings = list(check_all(Path(name)))
                failed = bool(count(findings, "failed"))
                code = max(code, failed * CheckFailed.exit_code)
                groups = {"ledger": [finding.plain() for finding in findings]}
                answers.append({"ledger": name, "matches": not failed, "groups": groups})
                if not args.json:
                    verdict = "NOT whole: see above." if failed else "Whole: all runs are in it."
                    print_report(one_line(name), findings, verdict)
                continue
            with opened(latest(name, args.runs), args.runs) as run:
                checked = _with_signature(verify(run, deep=args.deep), args.signers)
                code = max(code, checked.exit_code)
                answers.append(checked.plain())
                if not args.json:
                    print_report(one_line(checked.title), checked.shown(), checked.verdict)
        except MrbenchError as exc:  # the other runs are checked all the same
            told = altered(Path(name)) or exc
            print(f"mrbench: {told}", file=sys.stderr)
            code = max(code, told.exit_code)
    if args.json:
        print_json(answers)
    return code


def _with_signature(checked: Verification, signers: Path | None) -> Verification:
    """Add what there is to say of an archive's signature; signers: it must be by one of them."""
    if checked.record is None:
        return checked
    finding, _ = signer_of(Path(checked.run.called), checked.record, signers)
    if signers and not finding:
        remedy = "`mrbench sign` signs an archive"
        finding = Finding("signature", "failed", "not signed", remedy, subject="signature")
    return replace(checked, findings=(*checked.findings, *filter(None, (finding,))))
