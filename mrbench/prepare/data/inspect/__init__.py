"""`mrbench data check`: is a folder COCO, whole and sound? Every file is really read."""

from mrbench.prepare.data.inspect.inspection import Report, check

__all__ = ["Report", "check"]
