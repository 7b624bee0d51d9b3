"""Become the `yolo` program of this interpreter, to train a model on labels that labels.py made."""

import argparse
import os
import shutil
import sys
import sysconfig
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True, help="as yolo11n-seg; from random weights")
parser.add_argument("--labels", type=Path, required=True, help="folder that labels.py wrote")
parser.add_argument("--gpus", type=int, default=0, help="of those that are visible; 0: the CPU")
options, words = parser.parse_known_args()

here = Path.cwd()  # where images/ is
for made in options.labels.iterdir():
    if made.is_dir():
        (here / made.name).symlink_to(made)
    else:
        shutil.copy(made, here)
# Whatever YOLO_OFFLINE says, yolo asks GitHub for Arial.ttf, unless a file of that name is here. No
# picture is drawn, so any font will do.
settings = Path(os.environ["YOLO_CONFIG_DIR"]) / "Ultralytics"
settings.mkdir(parents=True, exist_ok=True)
fonts = Path(sysconfig.get_path("purelib")) / "matplotlib" / "mpl-data" / "fonts" / "ttf"
shutil.copy(fonts / "DejaVuSans.ttf", settings / "Arial.ttf")

program = Path(sysconfig.get_path("scripts")) / "yolo"
if not program.is_file():
    sys.exit(f"{program}: not there; install ultralytics with {sys.executable}")
command = [
    *(str(program), "segment", "train"),
    *(f"model={options.model}.yaml", "pretrained=False", f"data={here / 'data.yaml'}"),
    f"device={','.join(map(str, range(options.gpus))) or 'cpu'}",
    *words,
]
sys.stdout.write(f"{' '.join(command[1:])}\n")
sys.stdout.flush()
os.execv(program, command)  # noqa: S606 - there is no shell in it
