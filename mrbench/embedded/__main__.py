"""`python -m mrbench.embedded NAME`: print the commit to pin, after NAME was edited."""

import sys

from mrbench.errors import MrbenchError
from mrbench.prepare.source.embedded import commit_id

try:
    sys.stdout.write("".join(f"{commit_id(name)}\n" for name in sys.argv[1:]))
except MrbenchError as exc:
    sys.exit(str(exc))
