"""Validates the RO-Crate in each folder given by roc-validator, offline; prints its faults as JSON.

It has an environment of its own: roc-validator needs an older rich than the tests of mrbench.
"""

import json
import sys
from importlib.resources import files
from pathlib import Path

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from rocrate_validator import services
from rocrate_validator.models import ValidationSettings
from urllib3 import HTTPResponse

PROFILE = "workflow-run-crate-0.5"  # with those it is based on: Process Run, Workflow, RO-Crate 1.1
CONTEXT = "https://w3id.org/ro/crate/1.1/context"


class Context(HTTPAdapter):
    """Answers with RO-Crate's own context, which the package rocrate brings."""

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        """Answer any request."""
        content = (files("rocrate") / "data" / "ro-crate.jsonld").open("rb")
        headers = {"Content-Type": "application/ld+json"}
        answer = HTTPResponse(content, headers, status=200, preload_content=False)
        return self.build_response(request, answer)


cache = Path(sys.argv[1]).parent / "validator"
with CachedSession(str(cache), backend="sqlite", expire_after=-1) as session:
    session.mount(CONTEXT, Context())
    session.get(CONTEXT)
faults: list[list[str]] = []
for folder in sys.argv[1:]:
    result = services.validate(
        ValidationSettings(
            rocrate_uri=folder, profile_identifier=PROFILE, offline=True, cache_path=cache
        )
    )
    issues = [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
    faults.append(issues or ([] if result.passed() else ["not valid"]))
sys.stdout.write(json.dumps(faults))
