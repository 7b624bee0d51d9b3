"""The life of a run, the same for every executor: plan, prepare, launch, judge, record."""
