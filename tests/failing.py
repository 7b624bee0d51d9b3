"""A program that trains 20 of 60 iterations and then fails for real, as its argument says."""

TRAIN = r'''
"""Trains 20 of 60 iterations, then fails as its argument says."""
import os, sys, time

def train(first=1, last=20, loss="0.5"):
    for i in range(first, last + 1):
        print(f"iter: {i} loss: {loss} time: 0.001", flush=True)

def limit(name, value):
    import resource
    resource.setrlimit(getattr(resource, name), (value, value))

def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

def kill(name):
    import subprocess
    subprocess.run(["kill", "-" + name, str(os.getpid())], check=True)
    time.sleep(60)

def killed():
    kill("KILL")

def terminated():
    kill("TERM")

def segfault():
    import ctypes
    ctypes.string_at(0)

def bus_error():
    import mmap, tempfile
    with tempfile.TemporaryFile() as file:
        file.truncate(65536)
        view = mmap.mmap(file.fileno(), 65536)
        file.truncate(0)
        view[40000]

def abort():
    os.abort()

def memory():
    limit("RLIMIT_AS", 1 << 30)
    bytearray(1 << 32)

def hog():
    held = []
    while True:
        held.append(bytearray(b"x" * (1 << 20)))

def full():
    with open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")

def small_disk():
    with open(os.environ["DISK"] + "/model.bin", "wb", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(4096))

def small_shm():
    import shutil
    with open("/tmp/batch", "wb") as file:
        file.write(bytes(1 << 20))
    shutil.copyfile("/tmp/batch", "/dev/shm/batch")

def file_size():
    limit("RLIMIT_FSIZE", 4096)
    with open("model.bin", "wb", buffering=0) as file:
        for _ in range(3):
            file.write(bytes(4096))

def open_files():
    limit("RLIMIT_NOFILE", 20)
    held = [open(os.devnull) for _ in range(30)]

def pipe():
    print("x" * 100000, flush=True)
    time.sleep(0.2)
    print("x" * 100000, flush=True)

def nan_in_window():
    train(21, 39)
    train(40, 60, "nan")

def nan_before_window():
    train(1, 5)
    train(6, 8, "nan")
    sys.exit(3)

def nan_raised():
    import numpy
    numpy.seterr(all="raise")
    numpy.log(numpy.zeros(3))

def data():
    open("coco/annotations/instances_train2017.json")

def weights():
    open("R-50.pkl", "rb")

def some_file():
    open("config/mask.yaml")

def denied():
    import subprocess
    open("tool", "w").close()
    subprocess.run(["./tool"])

def directory():
    open("/tmp")

def cut_json():
    import json
    json.loads('{"images": [')

def cut_pickle():
    import pickle
    pickle.loads(b"\x80\x04\x95garbage")

def port():
    import socket
    taken = socket.create_server(("127.0.0.1", 0))
    socket.create_server(taken.getsockname())

def refused():
    import socket
    socket.create_connection(("127.0.0.1", free_port()), 5)

def download():
    import urllib.request
    urllib.request.urlopen(f"http://127.0.0.1:{free_port()}/R-50.pkl", timeout=5)

def module():
    import no_such_module_for_detectors

def library():
    import ctypes
    ctypes.CDLL("libno_such_library.so.1")

def attribute():
    import numpy
    numpy.float

def keyword():
    import json
    json.dumps({}, encoding="utf8")

def loader():
    import yaml
    yaml.load("a: 1")

def imported():
    from collections import Mapping

def old_python():
    exec(compile("print 'epoch'\n", "old.py", "exec"))

def arguments():
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.parse_args(["mask.yaml", "--local_rank=0"])

def check():
    assert 3 % 8 == 0, "the batch does not divide by the number of GPUs"

def recursion():
    recursion()

def plain_exit():
    sys.exit("config has no solver")

def silent_exit():
    os._exit(7)

def lose():
    os._exit(9)

def worker_dies():
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as pool:
        pool.submit(lose).result()

def worker_raises():
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as pool:
        pool.submit(data).result()

def handling_fails():
    try:
        {}["resnet"]
    except KeyError:
        raise ValueError("no such backbone: resnet")

def handling_memory():
    try:
        memory()
    finally:
        open("missing/checkpoint.yaml", "w")

def handled():
    import traceback
    try:
        module()
    except ImportError:
        traceback.print_exc()
    train(21, 25)

def ends_early():
    pass

def stops():
    kill("STOP")

def sleeps():
    time.sleep(60)

def rank(number, ends):
    """One of four, each with a socket to rank 3; what it prints gets its number."""
    import os, socket, struct, threading, traceback
    out, sink = os.pipe()
    def label():
        for line in os.fdopen(out, "rb"):
            os.write(1, b"[rank%d]: " % number + line)
    def fail():
        os.write(sink, traceback.format_exc().encode())
    thread = threading.Thread(target=label)
    thread.start()
    mine = ends[number]
    try:
        if number == 3:
            for end in mine:  # closed with a reset, as by a process that is gone
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
            time.sleep(0.2)
            data()
        if mine.recv(1) == b"":
            raise EOFError("connection closed by rank 3")
    except Exception:
        fail()
        os.close(sink)
        thread.join()
        os._exit(1)

def spawn(work, *given):
    import multiprocessing
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=work, args=(n, *given)) for n in range(4)]
    for each in ranks:
        each.start()
    for sockets in given:  # only the ranks hold them now
        for each in sockets:
            each.close()
    for each in ranks:
        each.join()
    return ranks

def first_rank():
    import socket, subprocess
    server = socket.create_server(("127.0.0.1", 0))
    theirs = [socket.create_connection(server.getsockname()) for _ in range(3)]
    ours = [server.accept()[0] for _ in range(3)]
    spawn(apart, theirs, ours)
    raise subprocess.CalledProcessError(1, ["python", "train_net.py", "--local_rank=3"])

def apart(number, theirs, ours):
    """Close the other ranks' ends, as separate programs have none."""
    if number != 3:
        for end in (*ours, *(e for n, e in enumerate(theirs) if n != number)):
            end.close()
    else:
        for end in theirs:
            end.close()
    rank(number, [*theirs, ours])

def one_dies(number):
    if number == 2:
        kill("KILL")

class ProcessExitedException(Exception):
    pass

def killed_rank():
    import signal
    for number, each in enumerate(spawn(one_dies)):
        if each.exitcode < 0:
            name = signal.Signals(-each.exitcode).name
            raise ProcessExitedException(f"process {number} terminated with signal {name}")

def mpi():
    if os.environ["OMPI_COMM_WORLD_RANK"] == "1":
        kill("KILL")
    time.sleep(60)

def mpi_data():
    if os.environ["OMPI_COMM_WORLD_RANK"] == "1":
        data()
    time.sleep(60)

if __name__ == "__main__":
    if sys.argv[1] != "nan_before_window":
        train()
    globals()[sys.argv[1]]()
'''
