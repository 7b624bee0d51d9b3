"""Signs that a library, data, weights or another file is missing, broken or of another kind."""

from mrbench.measure.failure.base import Sign, Weight, sign

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
        sign("weights_missing", WEIGHTS, *weights, weight=weight),
        sign("data_missing", DATA, *data, start + _EMPTY, weight=weight),
    )


SIGNS = (
    sign(
        "library_missing",
        "install the library, or name its folder in LD_LIBRARY_PATH",
        rb"cannot open shared object file",
        rb"error while loading shared libraries",
    ),
    sign(
        "library_mismatch",
        "rebuild the extension, or install versions of the libraries that were built for each"
        " other",
        rb"undefined symbol",
        rb"version [`']\w+_[\d.]+' not found",
        rb"operator \w+::\w+ does not exist",
        rb"may indicate binary incompatibility",
        rb"invalid ELF header",
        rb"Couldn't load custom C\+\+ ops",
    ),
    sign(
        "program_missing",
        "install the program, or correct launch.command",
        rb"command not found$",
        rb"^(?:\S*/)?env: .*No such file or directory",
        weight=Weight.DOUBTFUL,  # some only ask whether it is there
    ),
    sign(
        "file_missing",
        "correct launch.command or launch.directory: the script is not there",
        rb"can't open file '",
    ),
    *_missing(_ERROR, Weight.ROOT),
    *_missing(rb"", Weight.DOUBTFUL),
    sign(
        "file_missing",
        FILE,
        _ERROR + rb"(?:No such file or directory|not found|does not exist)",
        rb"^(?:\w+\.)*FileNotFoundError\b",
    ),
    sign("file_missing", FILE, rb"^\S{1,60}: .*No such file or directory$", weight=Weight.DOUBTFUL),
    sign(
        "weights_mismatch",
        "use the weights of this very model; the checkpoint's shapes are others",
        rb"Error\(s\) in loading state_dict",
        rb"size mismatch for \S+: copying",
    ),
    sign(
        "file_broken",
        "fetch the file again: it is cut short or not of this kind",
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
    sign("permission_denied", DENIED, _ERROR + _DENIED),
    sign("permission_denied", DENIED, _DENIED, weight=Weight.DOUBTFUL),
    sign(
        "wrong_path",
        "correct the path: something of another kind is there",
        _ERROR + rb"(?:Is a directory|Not a directory|File exists: )",
    ),
)
