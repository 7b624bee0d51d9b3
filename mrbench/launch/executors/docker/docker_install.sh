# Within an image's build: installs Debian's PACKAGES, and a lock into /opt/mrbench/venv as mrbench
# does on a machine: first what building needs (FIRST), then all of it, each file checked against
# its hashes, then what no lock holds (AFTER). See the Dockerfile for the variables.
set -eu
there=/opt/mrbench
lock=$there/requirements.lock

debian() {
  # CUDA's keys of before 2022 fail every update
  rm -f /etc/apt/sources.list.d/cuda.list /etc/apt/sources.list.d/nvidia-ml.list
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
  rm -rf /var/lib/apt/lists/*
}

find_python() {
  for name in "python$PYTHON" python3 python; do
    version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || :)
    [ "$version" = "$PYTHON" ] && echo "$name" && return
  done
  return 1
}

needed=
for package in ${PACKAGES:-}; do
  command -v "$package" >/dev/null || needed="$needed $package"
done
if [ -n "$needed" ] && command -v apt-get >/dev/null; then
  debian $needed
elif [ -n "$needed" ]; then
  echo "no apt-get in this base image: going on without$needed"
fi
[ -e $lock ] || exit 0

python=$(find_python) || {
  if command -v apt-get >/dev/null; then
    debian "python$PYTHON" "python$PYTHON-dev" "python$PYTHON-venv" || :
    # Ubuntu 18.04 has it apart, and no venv without it
    "python$PYTHON" -c 'import distutils.util' 2>/dev/null || debian python3-distutils || :
  fi
  python=$(find_python) || {
    echo "error: this base image has no Python $PYTHON, nor Debian one for it; take another base"
    exit 1
  }
}
"$python" -m venv $there/venv

install() {
  $there/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps \
    --no-build-isolation ${wheels:-} "$@"
}

[ -d $there/wheels ] && wheels="--no-index --find-links $there/wheels"
if ! $there/venv/bin/python -m pip install --help | grep -q no-build-isolation; then
  # that of Ubuntu 18.04, on which images of 2019 stand; it takes no manylinux2010 either, and asks
  # PyPI at an old address
  pip=pip==20.3.4
  hash=sha256:217ae5161a0e08c0fb873858806e3478c9775caffce5168b50ec885e358c199d
  echo "$pip --hash=$hash" >$there/pip.lock
  PIP_INDEX_URL=${PIP_INDEX_URL:-https://pypi.org/simple} $there/venv/bin/python -m pip install \
    ${wheels:-} --require-hashes -r $there/pip.lock
fi
if [ -n "${FIRST:-}" ]; then
  awk -v names="$FIRST" '
    BEGIN { count = split(names, list, " "); for (i = 1; i <= count; i++) wanted[list[i]] = 1 }
    /^[^ #]/ { split($1, parts, "=="); chosen = tolower(parts[1]) in wanted }
    chosen' $lock >$there/build-requirements.lock
  install --require-hashes -r $there/build-requirements.lock
fi
install --require-hashes -r $lock
[ -z "${AFTER:-}" ] || install $AFTER
