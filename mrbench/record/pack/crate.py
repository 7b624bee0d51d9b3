"""`mrbench pack --ro-crate`: describes a run's files as a Workflow Run RO-Crate.

Its workflow is the plan: https://www.researchobject.org/workflow-run-crate/
"""

import json
import os
from collections.abc import Iterable
from urllib.parse import quote

from mrbench.model.inputs import PACKAGE
from mrbench.model.record import RunRecord
from mrbench.model.work import rate_name

FILE = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
Entity = dict[str, object]  # as JSON-LD has it; what is None is left out


def crate_of(record: RunRecord, names: Iterable[str]) -> str:
    """Return the metadata file for a run's masked record and the names of its other files."""
    plan, source = record.plan, record.plan.source
    what = f"training of {plan.title} of mrbench's suite {plan.suite}"
    files = {quote(os.fsencode(name)): name for name in names if name != FILE}
    number, error = _outcome(record)
    entities: dict[str, Entity] = {
        FILE: {
            "@type": "CreativeWork",
            "about": _refer("./"),
            "conformsTo": _refer(SPECIFICATION, *PROFILES),
        },
        "./": {
            "@type": "Dataset",
            "name": record.id,
            "description": f"Throughput of a {what}, and the files that it follows from",
            "datePublished": record.ended or record.started,
            "license": f"not stated; of the trained code: {record.licence or 'not known'}",
            "conformsTo": _refer(*PROFILES),
            "mainEntity": _refer("plan.json"),
            "hasPart": _refer(*files),
            "mentions": _refer("#run"),
        },
        **{profile: {"@type": "CreativeWork", "name": name} for profile, name in PROFILES.items()},
        **{at: {"@type": "File", "name": name} for at, name in files.items()},
        "plan.json": {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": f"Plan of a {what}",
            "programmingLanguage": _refer("#mrbench"),
            "hasPart": _refer("#implementation"),
        },
        "#mrbench": {"@type": "ComputerLanguage", "name": "mrbench", "version": record.mrbench},
        "#implementation": {
            "@type": "SoftwareSourceCode",
            "name": plan.implementation,
            "codeRepository": None if source.url.startswith(PACKAGE) else source.url or None,
            "version": source.commit or source.sha256,
            "license": record.licence,
        },
        "#run": {
            "@type": "CreateAction",
            "name": f"A {what}",
            "startTime": record.started,
            "endTime": record.ended,
            "instrument": _refer("plan.json"),
            "result": _refer(*number, *(at for at in files if at != "plan.json")),
            "actionStatus": f"http://schema.org/{'Failed' if error else 'Completed'}ActionStatus",
            "error": error,
        },
        **number,
    }
    graph = [
        {"@id": at} | {key: value for key, value in entity.items() if value is not None}
        for at, entity in entities.items()
    ]
    return json.dumps({"@context": f"{SPECIFICATION}/context", "@graph": graph}, indent=1) + "\n"


def _outcome(record: RunRecord) -> tuple[dict[str, Entity], str | None]:
    """Return the number, or why it does not count."""
    measured, validity = record.measurement, record.validity
    if record.status != "ok" or measured is None:
        return {}, record.reason or record.status
    if validity and validity.verdict == "invalid":
        return {}, f"invalid: {validity.why}"
    number: Entity = {
        "@type": "PropertyValue",
        "name": "throughput",
        "value": measured.throughput,
        "unitText": rate_name(measured.unit),
        "description": f"iterations {measured.first} to {measured.last}"
        + "; 95 % interval in this run" * bool(measured.interval),
        "minValue": measured.interval and measured.interval.low,
        "maxValue": measured.interval and measured.interval.high,
    }
    return {"#throughput": number}, None


def _refer(*ids: str) -> object:
    references = [{"@id": at} for at in ids]
    return references[0] if len(references) == 1 else references
