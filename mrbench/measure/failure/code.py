"""Signs that the program itself is wrong here: modules, changed interfaces, NaN, bugs."""

import re

from mrbench.measure.failure.base import Sign, Weight, any_of

EXCEPTION = Sign(
    "exception",
    any_of(
        rb"^(?!Error: *[-+.\de]+\s*$)"  # a metric may have that name
        rb"(?:\w{1,60}\.){0,9}\w{0,60}(?:Error|Exception)(?::.*)?\s*$",
        rb"^\s*\(\d\) [A-Z][a-z]+(?: [a-z]+)*: ",  # TensorFlow's list of root errors
    ),
    "read the traceback in the log",
)

SIGNS = (
    Sign(
        "diverged",
        any_of(
            rb"^(?:\w+\.)*FloatingPointError\b",
            rb"[Ll]oss (?:is|became|was) (?:infinite or )?(?:[Nn]a[Nn]|inf)\b",
            rb"Training has diverged",
            rb"total_cost: -?(?:nan|inf)",
            rb"returned nan values in its",
            rb"Non-finite loss",
        ),
        "take the weights and the learning rate that the recipe states, or lower the latter",
        "diverged",
    ),
    Sign(
        "module_missing",
        any_of(
            rb"^(?:ModuleNotFoundError|ImportError): No module named",
            rb"^\S*python[\d.]*: No module named",
        ),
        "add the module to environment.requirements (of kind current: install it beside mrbench),"
        " or build the extension that holds it",
    ),
    Sign(
        "api_changed",
        any_of(
            rb"^ImportError: cannot import name",
            rb"^AttributeError: (?:partially initialized )?module ",
            rb"^AttributeError: .*has no attribute",
            rb"^AttributeError: `?np\.",
            rb"^TypeError: .*unexpected keyword argument",
            rb"^TypeError: .*required (?:positional|keyword-only) argument",
            rb"^TypeError: .*positional arguments? but",
            rb"^ImportError: ",
        ),
        "pin the version of that library that the code was written for (environment.requirements)",
    ),
    Sign(
        "wrong_python",
        any_of(rb"^(?:SyntaxError|IndentationError|TabError)\b"),
        "use the Python version that the code was written for (environment.python)",
    ),
    Sign(
        "wrong_arguments",
        any_of(
            rb"^(?!slurmstepd|srun|sbatch|ninja|mpirun)[\w./-]{1,99}: error: \S",
        ),
        "correct launch.command: the program does not know this argument",
    ),
    Sign(
        "build_failed",
        any_of(
            rb"Error building extension",
            rb"^(?:\w+\.)*CompileError\b",
            rb"^error: command '.*' failed",
            rb"CUDA_HOME environment variable is not set",
        ),
        "install the compiler and the CUDA toolkit that the extension needs, and build it first",
    ),
    Sign(
        "data_loader_died",
        any_of(
            rb"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (?:exited|is killed)",
            rb"DataLoader worker .*died",
            rb"roi_data_loader failed",
            rb"^(?:\w+\.)*BrokenProcessPool\b",
        ),
        "look for the worker's own error; run with no workers (num_workers=0) to see it, and watch"
        " the host's memory and /dev/shm",
        weight=Weight.CONSEQUENCE,
    ),
    Sign(
        "assertion",
        any_of(rb"^(?:\w+\.)*AssertionError\b", re.escape(b"Assertion `") + rb".*' failed"),
        "read the traceback in the log: the program's own check failed",
    ),
    EXCEPTION,
)
