"""A run's record: all that is known of one run, as record.json holds it; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from mrbench.model.container import DockerContainer
from mrbench.model.doc import doc
from mrbench.model.job import ConvertedData, UsableEnvironment, UsedWeights, Workspace
from mrbench.model.ledger import LedgerPlace, PlanRuns
from mrbench.model.machine import Machine
from mrbench.model.measurement import Measurement
from mrbench.model.mfu import Mfu
from mrbench.model.plan import Plan
from mrbench.model.run import Exit, Status
from mrbench.model.slurm import Container
from mrbench.model.suite import Rule, Suite
from mrbench.model.telemetry import TelemetrySummary

FORMAT = 5
Verdict = Literal["valid", "valid with notes", "invalid"]
RuleOutcome = Literal["ok", "failed", "not checked"]


class RuleFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule of the suite found in a run."""

    rule: Annotated[str, doc("The rule's name in suite.yaml.")]
    outcome: Annotated[RuleOutcome, doc("Whether the run keeps the rule.")]
    text: Annotated[str, doc("What was found, in words.")]
    reason: Annotated[str, doc("Why the suite has this rule.")]
    otherwise: Annotated[str, doc("What a run that breaks it is: invalid, or valid with a note.")]


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a run's number counts."""

    verdict: Annotated[Verdict, doc("valid, valid with notes, or invalid.")]
    why: Annotated[str, doc("What makes the run invalid; else empty.")] = ""
    notes: Annotated[tuple[str, ...], doc("What to know of a valid run.")] = ()
    findings: Annotated[tuple[RuleFinding, ...], doc("One for each rule.")] = ()

    def noted(self, *rules: str) -> tuple[str, ...]:
        """Return what broke these rules without making the run invalid, in words."""
        return tuple(f.text for f in self.findings if f.rule in rules and f.text in self.notes)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A run's place among the runs of one command."""

    run: Annotated[int, doc("Number of the run, from 1.")]
    runs: Annotated[int, doc("How many runs the command makes.")]
    repeat: Annotated[int, doc("Which repeat of its plan the run is, from 1.")]
    repeats: Annotated[int, doc("How often each plan is run.")]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A run's place in an old-against-new test of `mrbench ab`, and what that agreed upon."""

    test: Annotated[str, doc("Name of the test; all its runs have the same.")]
    side: Annotated[Literal["old", "new"], doc("Which side was trained.")]
    pair: Annotated[int, doc("Number of the pair, from 1.")]
    max_pairs: Annotated[int, doc("Most pairs that the test makes.")]
    margin: Annotated[float, doc("Slowdown that is too much, a share.")]


class StatedFact(msgspec.Struct, frozen=True, kw_only=True):
    """What a log states of its workload."""

    value: Annotated[str, doc("The value, as the log has it.")]
    line: Annotated[int, doc("Line of train.log, from 1.")]


class FileDigest(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the run's folder."""

    sha256: Annotated[str, doc("SHA-256, in hexadecimal.")]
    size_bytes: Annotated[int, doc("Size in bytes.")]


class CooledDown(msgspec.Struct, frozen=True, kw_only=True):
    """A wait for cool GPUs before the run; temperatures in the order in which GPUs are used."""

    celsius: Annotated[float, doc("The temperature that was asked for, in °C.")]
    limit_s: Annotated[float, doc("Longest wait, in seconds.")]
    waited_s: Annotated[float, doc("The wait, in seconds.")]
    before_c: Annotated[tuple[int | None, ...], doc("Before the wait, in °C.")]
    after_c: Annotated[tuple[int | None, ...], doc("After the wait, in °C.")]
    reached: Annotated[bool | None, doc("Whether all GPUs were cool; null where unknown.")]


class QuietWait(msgspec.Struct, frozen=True, kw_only=True):
    """A wait for other programs to leave the run's processors and GPUs."""

    limit_s: Annotated[float, doc("Longest wait, in seconds.")]
    waited_s: Annotated[float, doc("The wait, in seconds.")]
    before_cores: Annotated[
        float | None, doc("Cores that others kept busy at first; null: unknown.")
    ]
    after_cores: Annotated[float | None, doc("The same at last.")]
    reached: Annotated[bool | None, doc("Whether it became quiet; null where unknown.")]


class SlurmJob(msgspec.Struct, frozen=True, kw_only=True):
    """The job of a cluster that was the run."""

    job: Annotated[str, doc("Slurm's number of the job.")]
    name: Annotated[str, doc("The job's name.")]
    submitted: Annotated[str, doc("UTC time of the submission.")]
    script_sha256: Annotated[str, doc("SHA-256 of job.sh.")]
    detached: Annotated[bool, doc("Whether nobody waited for the job.")]
    cluster: Annotated[str | None, doc("Name, where Slurm has several.")] = None
    state: Annotated[str | None, doc("The job's last state.")] = None
    nodes: Annotated[str | None, doc("The nodes it ran on.")] = None
    cancelled_by: Annotated[str | None, doc("Who cancelled it.")] = None


class Masked(msgspec.Struct, frozen=True, kw_only=True):
    """What was masked of one kind: secrets, host names, user names."""

    count: Annotated[int, doc("How often.")]
    files: Annotated[tuple[str, ...], doc("In which files.")]


class PackedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record.json that was packed, before it was masked."""

    sha256: Annotated[str, doc("SHA-256 of the file.")]
    size_bytes: Annotated[int, doc("Size in bytes.")]
    digest: Annotated[str | None, doc("The record's own digest.")] = None


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """What `mrbench pack` changed in an archive's copy of a run."""

    mrbench: Annotated[str, doc("Version of mrbench that packed it.")]
    record: Annotated[PackedRecord, doc("The run's own record.json.")]
    masked: Annotated[Mapping[str, Masked], doc("By kind: what was masked.")] = {}
    left: Annotated[tuple[str, ...], doc("What could not be masked.")] = ()
    originals: Annotated[
        Mapping[str, FileDigest], doc("Files that were masked, as they were.")
    ] = {}
    of_plan: Annotated[
        PlanRuns | None,
        doc("What had become of all runs of its plan, by the ledger; null: no ledger."),
    ] = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a run. Keys that are null here may be missing from the file."""

    format: Annotated[int, doc("Format of this file.")]
    id: Annotated[str, doc("suite/implementation/folder.")]
    mrbench: Annotated[str, doc("Version of mrbench that ran it.")]
    started: Annotated[str, doc("UTC time of the start.")]
    suite: Annotated[Suite, doc("The suite as it was then.")]
    plan: Annotated[Plan, doc("Everything that was to be done.")]
    plan_digest: Annotated[str, doc("SHA-256 of plan.json.")]
    status: Annotated[Status, doc("ok, or why there is no number.")]
    reason: Annotated[str, doc("The same in words; else empty.")] = ""
    measurement: Annotated[Measurement | None, doc("What the log tells, if it came to that.")] = (
        None
    )
    ended: Annotated[str | None, doc("UTC time of the end.")] = None
    exit_code: Annotated[int, doc("Exit code of mrbench for this run.")] = 0
    licence: Annotated[str | None, doc("SPDX expression of the licence of what was trained.")] = (
        None
    )
    family: Annotated[str | None, doc("Digest of the plan but for the count of GPUs.")] = None
    series: Annotated[Series | None, doc("Its place among the runs.")] = None
    default_rules: Annotated[
        tuple[Rule, ...] | None,
        doc("Rules that hold beside the suite's; null: none, as in older runs."),
    ] = None
    turn: Annotated[
        Turn | None, doc("Its place in a test of old against new, if it is of one.")
    ] = None
    ledger: Annotated[
        LedgerPlace | None,
        doc("Where the folder's ledger has its beginning; null where it never began."),
    ] = None
    forced: Annotated[tuple[str, ...] | None, doc("Refusals that --force overruled.")] = None
    workspace: Annotated[Workspace | None, doc("The checkout.")] = None
    environment: Annotated[UsableEnvironment | None, doc("Interpreter and packages.")] = None
    weights: Annotated[tuple[UsedWeights, ...] | None, doc("What it trained from.")] = None
    data_images: Annotated[
        int | None, doc("Images of the data set, where it is small enough to be counted.")
    ] = None
    converted: Annotated[
        ConvertedData | None,
        doc("The dataset in another format, where the recipe has data.converted."),
    ] = None
    machine: Annotated[Machine | None, doc("The (first) machine.")] = None
    other_machines: Annotated[tuple[Machine, ...] | None, doc("Further nodes of a cluster.")] = None
    cooled_down: Annotated[CooledDown | None, doc("The wait for cool GPUs.")] = None
    quiet_wait: Annotated[QuietWait | None, doc("The wait for other programs to end.")] = None
    container: Annotated[DockerContainer | None, doc("The container of a local run.")] = None
    cluster_container: Annotated[Container | None, doc("The container of a cluster's run.")] = None
    slurm: Annotated[SlurmJob | None, doc("The job of a cluster.")] = None
    exit: Annotated[Exit | None, doc("How the training ended.")] = None
    stated: Annotated[
        Mapping[str, StatedFact] | None, doc("What the log states of the workload.")
    ] = None
    telemetry: Annotated[TelemetrySummary | None, doc("What the machine did in the window.")] = None
    mfu: Annotated[
        Mfu | None,
        doc(
            "Share of the GPUs' dense peak that the model's operations take; null where the recipe"
            " states no flops_per_unit, where there is no number, and in older records."
        ),
    ] = None
    not_kept: Annotated[
        tuple[str, ...] | None, doc("What could not be kept of the run after its window, and why.")
    ] = None
    validity: Annotated[Validity | None, doc("Whether the number counts.")] = None
    files: Annotated[Mapping[str, FileDigest] | None, doc("All files of the run's folder.")] = None
    packed: Annotated[Packed | None, doc("Of an archive: what was masked.")] = None
    digest: Annotated[str | None, doc("SHA-256 of the record without it.")] = None

    def plain(self) -> dict[str, Any]:  # any: whatever JSON holds
        """Return the record as JSON holds it; what the run did not come to is missing."""
        content: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        content["plan"] = self.plan.plain()
        return {n: v for n, v in content.items() if v is not None or n not in ABSENT}

    def to_dict(self) -> dict[str, Any]:  # any: whatever JSON holds
        """Return the record as `mrbench show --json` prints it: keys and values of JSON."""
        return self.plain()

    @property
    def throughput(self) -> float | None:
        """The run's throughput, if it has one."""
        return self.measurement.throughput if self.measurement else None

    @property
    def machines(self) -> tuple[Machine, ...]:
        """All machines that trained, as far as they are known."""
        return (*filter(None, (self.machine,)), *(self.other_machines or ()))


# Missing from the file as long as the run has not come so far.
ABSENT = tuple(
    field.name
    for field in msgspec.structs.fields(RunRecord)
    if field.default is None and field.name != "measurement"
)
