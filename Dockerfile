# The images of mrbench: the harness itself (mrbench), and environments for training containers, one
# for each stack of 2019 and one for any lock (environment). `mrbench run --executor docker` builds
# the environments itself; by hand:
#
#   docker build --target mrbench -t mrbench .
#   docker build --target pytorch1.3 -t mrbench-pytorch1.3 .
#   docker build --target environment --build-arg LOCK=recipes/demo/minimask.lock .
#
# Many images of 2019 are gone from the hubs: each base is a build argument, and any image with the
# wanted Python (or an apt-get that has it) will do. Without a GPU, CPU_BASE serves every stack, with
# the locks of the suite smoke:
#
#   docker build --target tensorflow1.15 --build-arg LOCK=recipes/smoke/tensorpack.lock \
#     --build-arg TENSORFLOW_BASE=python:3.7-slim-bookworm --build-arg ALLREDUCE= .
#
# The legacy builder (DOCKER_BUILDKIT=0) also builds every target above the one it is asked for.
ARG BASE=python:3.11-slim-bookworm
ARG PYTORCH_BASE=pytorch/pytorch:1.3-cuda10.1-cudnn7-devel@sha256:d22bdcc867e24da67947104cce925c9be6544e0e86a10421785f98cfceda718e
ARG TENSORFLOW_BASE=tensorflow/tensorflow:1.15.0rc2-gpu-py3-jupyter@sha256:95d97c5c888e053af622964a150c205a39360064a962d7d5767038ad83b2d9b3
# Python 3.7 had its last release; by the logs of many public builds this is its image
ARG CPU_BASE=python:3.7-slim-bookworm@sha256:b53f496ca43e5af6994f8e316cf03af31050bf7944e0e4a308ad86c001cf028b
ARG MXNET_BASE=${CPU_BASE}

# The harness; it starts its containers beside itself:
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v "$PWD:$PWD" -w "$PWD" \
#     -v /data/coco:/data/coco:ro -e MRBENCH_HOME="$PWD/.mrbench" mrbench run --executor docker ...
FROM ${BASE} AS mrbench
COPY mrbench/launch/executors/docker/docker_install.sh /opt/mrbench/
RUN PACKAGES=git sh /opt/mrbench/docker_install.sh
COPY pyproject.toml README.md Dockerfile /opt/mrbench/source/
COPY mrbench /opt/mrbench/source/mrbench
COPY recipes /opt/mrbench/source/recipes
COPY patches /opt/mrbench/source/patches
RUN python3 -m venv /opt/mrbench/venv \
 && /opt/mrbench/venv/bin/python -m pip install --no-cache-dir /opt/mrbench/source
ENV PATH=/opt/mrbench/venv/bin:$PATH
ENTRYPOINT ["mrbench"]

# Any lock. PYTHON: its version. FIRST: packages of it that building others needs, by name. AFTER:
# what is in no lock. PACKAGES: Debian's.
FROM ${BASE} AS environment
USER root
ARG LOCK
ARG PYTHON=3.11
ARG FIRST=
ARG AFTER=
ARG PACKAGES=
COPY mrbench/launch/executors/docker/docker_install.sh /opt/mrbench/
COPY ${LOCK} /opt/mrbench/requirements.lock
RUN sh /opt/mrbench/docker_install.sh
ENV VIRTUAL_ENV=/opt/mrbench/venv PATH=/opt/mrbench/venv/bin:$PATH

# detectron2, maskrcnn-benchmark, mmdetection, torchvision
FROM ${PYTORCH_BASE} AS pytorch1.3
USER root
ARG LOCK=recipes/2019/detectron2.lock
ARG PYTHON=3.7
ARG FIRST="setuptools wheel cython numpy torch"
ARG PACKAGES="g++ git make libglib2.0-0 libsm6 libxext6 libxrender1"
COPY mrbench/launch/executors/docker/docker_install.sh /opt/mrbench/
COPY ${LOCK} /opt/mrbench/requirements.lock
RUN sh /opt/mrbench/docker_install.sh
ENV VIRTUAL_ENV=/opt/mrbench/venv PATH=/opt/mrbench/venv/bin:$PATH

# tensorpack, with horovod, and matterport. ALLREDUCE: what horovod adds up by on GPUs; NCCL takes a
# base with its headers and CUDA's, which the one named above is not known to have. Empty: MPI alone.
# horovod's variables are for its installation only: on a CPU they would fail what a recipe builds.
FROM ${TENSORFLOW_BASE} AS tensorflow1.15
USER root
ARG LOCK=recipes/2019/tensorpack.lock
ARG PYTHON=3.7
ARG FIRST="setuptools wheel pip cython numpy"
# openssh-client: Open MPI 2 starts nothing without it, not even on one machine
ARG PACKAGES="g++ git make openmpi-bin libopenmpi-dev openssh-client libglib2.0-0 libsm6 libxext6 libxrender1"
ARG AFTER=horovod==0.18.2
ARG ALLREDUCE=NCCL
COPY mrbench/launch/executors/docker/docker_install.sh /opt/mrbench/
COPY ${LOCK} /opt/mrbench/requirements.lock
RUN HOROVOD_GPU_ALLREDUCE=$ALLREDUCE HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 \
    HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITHOUT_GLOO=1 sh /opt/mrbench/docker_install.sh
ENV VIRTUAL_ENV=/opt/mrbench/venv PATH=/opt/mrbench/venv/bin:$PATH

# simpledet on a CPU, with the MXNet of the index. On GPUs it needs one of its authors' own, which is
# on none: `mrbench run --image rogerchen/simpledet:cuda10` takes theirs as it is (untried).
FROM ${MXNET_BASE} AS mxnet1.6
USER root
ARG LOCK=recipes/smoke/simpledet.lock
ARG PYTHON=3.7
ARG FIRST="setuptools wheel cython numpy"
ARG PACKAGES="g++ git make libglib2.0-0 libsm6 libxext6 libxrender1"
COPY mrbench/launch/executors/docker/docker_install.sh /opt/mrbench/
COPY ${LOCK} /opt/mrbench/requirements.lock
RUN sh /opt/mrbench/docker_install.sh
ENV VIRTUAL_ENV=/opt/mrbench/venv PATH=/opt/mrbench/venv/bin:$PATH

# detectron: the wheel of PyTorch 1.3 holds Caffe2
FROM ${PYTORCH_BASE} AS caffe2
USER root
ARG LOCK=recipes/2019/detectron.lock
ARG PYTHON=3.7
ARG FIRST="setuptools wheel cython numpy"
ARG PACKAGES="g++ git make libglib2.0-0 libsm6 libxext6 libxrender1"
COPY mrbench/launch/executors/docker/docker_install.sh /opt/mrbench/
COPY ${LOCK} /opt/mrbench/requirements.lock
RUN sh /opt/mrbench/docker_install.sh
ENV VIRTUAL_ENV=/opt/mrbench/venv PATH=/opt/mrbench/venv/bin:$PATH
