"""The examples that end each command's --help; the tests run them, or at least parse them.

Words in capitals are the reader's: RUN is a run's folder or the end of its path.
"""

EXAMPLES = {
    "run": """\
mrbench run --suite demo                      # a small training, on any CPU
mrbench run --dry-run --impl detectron2       # tell all that would happen
mrbench run --data DIR --gpus 1,2,4,8 --repeat 3
mrbench run --recipe mine.yaml --data DIR     # an implementation of yours
mrbench run --suite demo --executor docker    # builds the image it needs
mrbench run --data DIR --executor slurm --partition gpu --detach""",
    "status": "mrbench status",
    "collect": "mrbench collect --wait    # until all that were submitted have ended",
    "prepare": """\
mrbench prepare --suite demo
mrbench prepare --recipe mine.yaml --checkout-only    # prints the tree id""",
    "data synth": "mrbench data synth DIR --images 16 --size 320x240",
    "data check": """\
mrbench data check DIR
mrbench data check DIR --archives DIR    # by the archives' digests, too""",
    "doctor": """\
mrbench doctor --suite demo
mrbench doctor --gpus 8 --data DIR    # for the published table""",
    "lock": """\
mrbench lock --recipe mine.yaml
mrbench lock --suite modern --upgrade    # take the newest versions anew""",
    "mirror create": "mrbench mirror create DIR --suite smoke    # where there is internet",
    "mirror verify": "mrbench mirror verify DIR    # after it was copied",
    "cleanup": "mrbench cleanup    # what lives, and what others own, is left alone",
    "table": """\
mrbench table --suite demo
mrbench table --reference 2020-05 --format rst    # a grid, as published""",
    "check": """\
mrbench check
mrbench check --suite 2019 --network              # from the repositories
mrbench check --baseline demo.json --margin 3%    # did runs get slower?""",
    "baseline save": "mrbench baseline save demo.json --suite demo",
    "baseline show": "mrbench baseline show demo.json",
    "baseline update": "mrbench baseline update demo.json    # with the latest runs",
    "report": """\
mrbench report -o report.html
mrbench report demo -o demo.html    # a suite; or runs, or archives""",
    "parse": """\
mrbench parse train.log
mrbench parse train.log --images-per-iteration 16 --window 100:500""",
    "show": "mrbench show RUN",
    "verify": """\
mrbench verify RUN
mrbench verify runs/demo/*/* run.tar.gz    # folders and archives""",
    "compare": "mrbench compare RUN theirs.tar.gz",
    "pack": "mrbench pack RUN -o run.tar.gz",
    "list": """\
mrbench list
mrbench list --json""",
    "schema": """\
mrbench schema > recipe.schema.json
mrbench schema suite > suite.schema.json""",
    "completion": """\
eval "$(mrbench completion bash)"    # in ~/.bashrc
eval "$(mrbench completion zsh)"     # in ~/.zshrc, after compinit
mrbench completion fish | source     # in ~/.config/fish/config.fish""",
}
