"""The suite 2019: its patches are the published diffs, and its pins leave nothing to move."""

import os
import re
from collections.abc import Callable

import pytest

from mrbench.prepare import source
from mrbench.prepare.source.tree import object_id
from mrbench.recipe import load as recipe
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import make_plan

MIRROR = os.environ.get("MRBENCH_TEST_MIRROR")
needs_mirror = pytest.mark.skipif(
    not MIRROR,
    reason="needs the seven upstreams: MRBENCH_TEST_MIRROR names a folder of owner/name.git",
)
NAMES = (
    *("detectron2", "maskrcnn-benchmark", "tensorpack", "mmdetection"),
    *("simpledet", "detectron", "matterport"),
)
# file: its blob before and after, as the published diffs abbreviate them; but model.py after the
# patch is published as 61d7779, from which only blanks at ends of lines were missing
BLOBS = {
    "mmdetection": {"configs/mask_rcnn_r50_fpn_1x.py": ("04f6d22", "ed721f2")},
    "matterport": {
        "mrcnn/model.py": ("62cb2b0", "fe0e887"),
        "mrcnn/parallel_model.py": ("d2bf53b", "060172a"),
        "samples/coco/coco.py": ("5d172b5", "239ed75"),
    },
}
HUNKS = {
    "mmdetection": ["-1,14 +1,15", "-115,7 +116,7"],
    "matterport": ["-2367,8 +2367,8", "-32,6 +32,7", "-81,7 +81,10", "-496,29 +499,10"],
}
ADDED = {
    "mmdetection": [
        "    pretrained='open-mmlab://resnet50_caffe',",
        '        norm_cfg=dict(type="BN", requires_grad=False),',
        "        style='caffe'),",
        "    mean=[123.675, 116.28, 103.53], std=[1.0, 1.0, 1.0], to_rgb=False)",
    ],
    "matterport": [
        "            #validation_data=val_generator,",
        "            #validation_steps=self.config.VALIDATION_STEPS,",
        "        super().__init__()",
        "    GPU_COUNT = 8",
        '    BACKBONE = "resnet50"',
        "    STEPS_PER_EPOCH = 50",
        "    TRAIN_ROIS_PER_IMAGE = 512",
        "                    layers='3+',",
    ],
}
REMOVED = {"mmdetection": 3, "matterport": 23}
INDEX = re.compile(
    r"^diff --git a/(\S+) b/\1\nindex ([0-9a-f]{40})\.\.([0-9a-f]{40}) 100644$", re.MULTILINE
)


def load(name: str) -> RecipeFile:
    return recipe.load_named("2019", name)


def patch(name: str) -> str:
    (found,) = load(name).patches
    assert found[0] == f"2019/{name}.patch"
    return found[1].decode("ascii")


@pytest.mark.parametrize("name", BLOBS)
def test_a_patch_leads_from_the_published_blobs_to_the_published_blobs(name: str) -> None:
    found = {path: (before[:7], after[:7]) for path, before, after in INDEX.findall(patch(name))}
    assert found == BLOBS[name]


@pytest.mark.parametrize("name", BLOBS)
def test_a_patch_changes_what_the_published_diff_changes(name: str) -> None:
    body = [line for line in patch(name).splitlines() if not line.startswith(("---", "+++"))]
    assert re.findall(r"^@@ (.*?) @@", patch(name), re.MULTILINE) == HUNKS[name]
    assert [line[1:] for line in body if line.startswith("+")] == ADDED[name]
    assert len([line for line in body if line.startswith("-")]) == REMOVED[name]


@pytest.mark.parametrize("name", BLOBS)
def test_the_hunks_are_whole_and_their_blanks_repaired(name: str) -> None:
    hunk = re.compile(r"^@@ (.*?) @@.*\n((?:[ +-](?!-- |\+\+ ).*\n)+)", re.MULTILINE)
    hunks = hunk.findall(patch(name))
    assert len(hunks) == len(HUNKS[name])
    for head, body in hunks:
        lines = body.splitlines()
        before, after = (int(side.rpartition(",")[2]) for side in head.split())
        assert sum(line[0] in " -" for line in lines) == before
        assert sum(line[0] in " +" for line in lines) == after
        assert "\t" not in body
        assert all((len(line) - 1 - len(line[1:].lstrip())) % 4 == 0 for line in lines)


def test_the_suite_is_the_published_table() -> None:
    suite = recipe.load_suite("2019")
    assert recipe.implementations("2019") == suite.order == NAMES
    assert (suite.window.first, suite.window.last, suite.hardware.count) == (100, 500, 8)
    numbers = {r.name: [int(r.throughput[n]) for n in NAMES] for r in suite.references}
    assert numbers == {
        "2019-10": [59, 51, 50, 41, 39, 19, 14],
        "2020-05": [62, 53, 50, 53, 39, 19, 14],
    }


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_is_installed_is_pinned(name: str) -> None:
    environment = load(name).recipe.environment
    pinned = re.compile(
        r"[\w-]+==[\w.]+|[\w-]+ @ git\+https://github\.com/[\w-]+/[\w-]+@[0-9a-f]{40}(#\S+)?"
    )
    wanted = (*environment.requirements, *environment.build_requirements)
    assert [text for text in wanted if not pinned.fullmatch(text)] == []
    versions = {text.partition("==")[::2] for text in wanted if "==" in text}
    assert len(versions) == len(dict(versions)), "two versions of one package"


@pytest.mark.parametrize("gpus", [1, 4, 8, 16])
@pytest.mark.parametrize("name", NAMES)
def test_an_iteration_is_two_per_device(name: str, gpus: int) -> None:
    plan = make_plan(load(name), gpus=gpus)
    assert plan.work_per_iteration == gpus * (1 if name == "tensorpack" else 2)
    assert plan.source.tree or gpus != 8
    if name not in ("tensorpack", "matterport"):  # these have rules of their own
        assert plan.learning_rate == pytest.approx(0.0025 * gpus)


@needs_mirror
@pytest.mark.parametrize("name", NAMES)
def test_the_real_upstream_comes_out_as_pinned(name: str) -> None:
    file = load(name)
    made = source.prepare(file.recipe.source, file.patches, MIRROR, lambda _: None)
    assert made.tree == file.recipe.source.tree
    for path, (_, after) in BLOBS.get(name, {}).items():
        assert object_id("blob", (made.path / path).read_bytes())[:7] == after
    if name == "matterport":
        assert made.fetched_bytes < 300_000  # not the 25 MB of pictures
        model = (made.path / "mrcnn/model.py").read_bytes().split(b"\n")
        assert object_id("blob", b"\n".join(line.rstrip() for line in model))[:7] == "61d7779"


@needs_mirror
@pytest.mark.parametrize("name", NAMES)
def test_another_gpu_count_and_every_file_that_the_launch_names(
    name: str, git: Callable[..., str]
) -> None:
    file = load(name)
    plan = make_plan(file, gpus=4)
    made = source.prepare(plan.source, file.patches, MIRROR, lambda _: None)
    directory = made.path / plan.directory
    named = [w for w in plan.command if w.endswith((".py", ".yaml")) and "{" not in w]
    assert named
    assert [w for w in named if not (directory / w).is_file()] == []
    changed = git(made.path, "diff", "--unified=0", made.base_tree)
    for change in file.recipe.other_gpus.substitutions:
        text = change.replacement.format(gpus=4, learning_rate=0.01)
        assert re.search(rf"^\+.*{re.escape(text)}", changed, re.MULTILINE)
