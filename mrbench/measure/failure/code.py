"""Signs that the program itself is wrong here: modules, changed interfaces, NaN, bugs."""

import re

from mrbench.measure.failure.base import Weight, sign

EXCEPTION = sign(
    "exception",
    "read the traceback in the log",
    rb"^(?!Error: *[-+.\de]+\s*$)"  # a metric may have that name
    rb"(?:\w{1,60}\.){0,9}\w{0,60}(?:Error|Exception)(?::.*)?\s*$",
    rb"^\s*\(\d\) [A-Z][a-z]+(?: [a-z]+)*: ",  # TensorFlow's list of root errors
)

SIGNS = (
    sign(
        "diverged",
        "take the weights and the learning rate that the recipe states, or lower the latter",
        rb"^(?:\w+\.)*FloatingPointError\b",
        rb"[Ll]oss (?:is|became|was) (?:infinite or )?(?:[Nn]a[Nn]|inf)\b",
        rb"Training has diverged",
        rb"total_cost: -?(?:nan|inf)",
        rb"returned nan values in its",
        rb"Non-finite loss",
        status="diverged",
    ),
    sign(
        "module_missing",
        "add the module to environment.requirements (of kind current: install it beside mrbench),"
        " or build the extension that holds it",
        rb"^(?:ModuleNotFoundError|ImportError): No module named",
        rb"^\S*python[\d.]*: No module named",
    ),
    sign(
        "api_changed",
        "pin the version of that library that the code was written for (environment.requirements)",
        rb"^ImportError: cannot import name",
        rb"^AttributeError: (?:partially initialized )?module ",
        rb"^AttributeError: .*has no attribute",
        rb"^AttributeError: `?np\.",
        rb"^TypeError: .*unexpected keyword argument",
        rb"^TypeError: .*required (?:positional|keyword-only) argument",
        rb"^TypeError: .*positional arguments? but",
        rb"^ImportError: ",
    ),
    sign(
        "wrong_python",
        "use the Python version that the code was written for (environment.python)",
        rb"^(?:SyntaxError|IndentationError|TabError)\b",
    ),
    sign(
        "wrong_arguments",
        "correct launch.command: the program does not know this argument",
        rb"^(?!slurmstepd|srun|sbatch|ninja|mpirun)[\w./-]{1,99}: error: \S",
    ),
    sign(
        "build_failed",
        "install the compiler and the CUDA toolkit that the extension needs, and build it first",
        rb"Error building extension",
        rb"^(?:\w+\.)*CompileError\b",
        rb"^error: command '.*' failed",
        rb"CUDA_HOME environment variable is not set",
    ),
    sign(
        "data_loader_died",
        "look for the worker's own error; run with no workers (num_workers=0) to see it, and watch"
        " the host's memory and /dev/shm",
        rb"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (?:exited|is killed)",
        rb"DataLoader worker .*died",
        rb"roi_data_loader failed",
        rb"^(?:\w+\.)*BrokenProcessPool\b",
        weight=Weight.CONSEQUENCE,
    ),
    sign(
        "assertion",
        "read the traceback in the log: the program's own check failed",
        rb"^(?:\w+\.)*AssertionError\b",
        re.escape(b"Assertion `") + rb".*' failed",
    ),
    EXCEPTION,
)
