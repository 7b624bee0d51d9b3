"""Signs that a library, data, weights or another file is missing, broken or of another kind."""

from mrbench.measure.failure.base import Sign, Weight, any_of

_GONE = (
    rb"(?:No such file or directory|FileNotFoundError|NotFoundError|does not exist|not found!?$|"
    rb"is not a checkpoint file|[Uu]nable to open file|LocalFileSystem|Failed to find)"
)
_WEIGHTS = rb"\.(?:pth|pkl|pt|npz|npy|h5|hdf5|params|caffemodel|ckpt|safetensors|bin)\b"
_EMPTY = rb"No (?:valid data|images) found"
_DATA = (
    rb"(?:\.(?:json|jpe?g|png|rec|idx|lst|tfrecords?|roidb|parquet|zip|tar)\b|annotations|coco|"
    rb"(?:train|val|test)20(?:14|17)|[Dd]ataset)"
)

# Printed by itself, such a line is often the answer to a question: the program goes on without.
_ERROR = rb"^(?:\w+\.)*\w*(?:Error|Exception|Exit)\b.*"
_DENIED = rb"(?:Permission denied|Operation not permitted|Read-only file system)"
WEIGHTS = "put the weights there (--weights DIR names a folder of them)"
DATA = "give the folder that holds the data with --data; `mrbench data check DIR` looks at it"
FILE = "put the file there, or correct the path in launch.command"
DENIED = "make the path writable (or readable) for this user, or choose another"


def _missing(before: bytes, weight: Weight) -> tuple[Sign, Sign]:
    start = before or rb"^.*"
    weights = (start + _GONE + rb".*" + _WEIGHTS, start + _WEIGHTS + rb".*" + _GONE)
    data = (start + _GONE + rb".*" + _DATA, start + _DATA + rb".*" + _GONE)
    return (
        Sign("weights_missing", any_of(*weights), WEIGHTS, weight=weight),
        Sign("data_missing", any_of(*data, start + _EMPTY), DATA, weight=weight),
    )


SIGNS = (
    Sign(
        "library_missing",
        any_of(rb"cannot open shared object file", rb"error while loading shared libraries"),
        "install the library, or name its folder in LD_LIBRARY_PATH",
    ),
    Sign(
        "library_mismatch",
        any_of(
            rb"undefined symbol",
            rb"version [`']\w+_[\d.]+' not found",
            rb"operator \w+::\w+ does not exist",
            rb"may indicate binary incompatibility",
            rb"invalid ELF header",
            rb"Couldn't load custom C\+\+ ops",
        ),
        "rebuild the extension, or install versions of the libraries that were built for each"
        " other",
    ),
    Sign(
        "program_missing",
        any_of(rb"command not found$", rb"^(?:\S*/)?env: .*No such file or directory"),
        "install the program, or correct launch.command",
        weight=Weight.DOUBTFUL,  # some only ask whether it is there
    ),
    Sign(
        "file_missing",
        any_of(rb"can't open file '"),
        "correct launch.command or launch.directory: the script is not there",
    ),
    *_missing(_ERROR, Weight.ROOT),
    *_missing(rb"", Weight.DOUBTFUL),
    Sign(
        "file_missing",
        any_of(
            _ERROR + rb"(?:No such file or directory|not found|does not exist)",
            rb"^(?:\w+\.)*FileNotFoundError\b",
        ),
        FILE,
    ),
    Sign(
        "file_missing",
        any_of(rb"^\S{1,60}: .*No such file or directory$"),
        FILE,
        weight=Weight.DOUBTFUL,
    ),
    Sign(
        "weights_mismatch",
        any_of(rb"Error\(s\) in loading state_dict", rb"size mismatch for \S+: copying"),
        "use the weights of this very model; the checkpoint's shapes are others",
    ),
    Sign(
        "file_broken",
        any_of(
            rb"PytorchStreamReader failed",
            rb"UnpicklingError",
            rb"BadZipFile",
            rb"cannot identify image file",
            rb"image file is truncated",
            rb"JSONDecodeError",
            rb"unexpected EOF, expected",
            rb"^(?:zlib\.error|EOFError: Compressed file ended)",
            rb"truncated file|file signature not found",
        ),
        "fetch the file again: it is cut short or not of this kind",
    ),
    Sign("permission_denied", any_of(_ERROR + _DENIED), DENIED),
    Sign("permission_denied", any_of(_DENIED), DENIED, weight=Weight.DOUBTFUL),
    Sign(
        "wrong_path",
        any_of(_ERROR + rb"(?:Is a directory|Not a directory|File exists: )"),
        "correct the path: something of another kind is there",
    ),
)
