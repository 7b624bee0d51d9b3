"""`mrbench data check`: is a folder COCO, whole and sound? Every file is really read."""

from mrbench.prepare.data.inspect.inspection import Report, inspect_coco

__all__ = ["Report", "inspect_coco"]
