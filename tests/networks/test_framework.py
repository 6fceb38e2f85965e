"""Flower and MindSpore share a process in either order, and parameters keep their memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fednids.networks.framework import Parameter, Tensor, live, mindspore, nn, ops

ROOT = Path(__file__).parents[2]
CHOICE = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"

FLOWER = """
import os, numpy
choice = os.environ.get("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION")
from flwr.app import ArrayRecord, ConfigRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as Wire
from google.protobuf import json_format, message
from google.protobuf.internal import api_implementation

def check_flower():
    array = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    sent = RecordDict({"weights": ArrayRecord([array]), "config": ConfigRecord({"round": 3})})
    wire = recorddict_to_proto(sent)
    assert isinstance(wire, message.Message)
    assert "round" in json_format.MessageToJson(wire)
    read = recorddict_from_proto(Wire.FromString(wire.SerializeToString()))
    assert read["config"]["round"] == 3
    assert numpy.array_equal(read["weights"].to_numpy_ndarrays()[0], array)
    assert api_implementation.Type() == (choice or "upb"), api_implementation.Type()

check_flower()
"""
FRAMEWORK = """
import os, numpy
choice = os.environ.get("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION")
from fednids.networks.framework import Tensor, mindspore, nn
assert os.environ.get("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION") == choice

assert nn.ReLU()(Tensor([-1.0, 2.0])).asnumpy().tolist() == [0.0, 2.0]
assert nn.Dense(64, 64)(Tensor(numpy.ones((64, 64), numpy.float32))).shape == (64, 64)
threads = {open(f"/proc/self/task/{t}/comm").read().strip() for t in os.listdir("/proc/self/task")}
assert "ActorThread_0" in threads, threads
assert not any(name.startswith("KernelThread") for name in threads), threads
assert mindspore.get_context("mode") == mindspore.GRAPH_MODE
assert mindspore.get_context("device_target") == "CPU"
"""
ORDERS = {
    "flower first": FLOWER + FRAMEWORK + "check_flower()\n",
    "framework first": FRAMEWORK + FLOWER + "nn.ReLU()(Tensor([3.0]))\n",
}


def run(code, choice):
    environment = {name: value for name, value in os.environ.items() if name != CHOICE}
    if choice:
        environment[CHOICE] = choice
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "choice",
    [
        None,
        pytest.param("upb", marks=pytest.mark.slow),
        pytest.param("python", marks=pytest.mark.slow),
    ],
)
def test_both_work_in_one_process(order, choice):
    ended = run(ORDERS[order], choice)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


class Adder(nn.Cell):
    """Adds to two parameters in place, and gives the sum of the first."""

    def __init__(self):
        super().__init__()
        self.weights = [
            Parameter(Tensor(np.zeros(shape, np.float32)), name=f"weight{len(shape)}")
            for shape in ((3,), (20, 30))
        ]
        self.first, self.second = self.weights

    def construct(self, amount):
        step = ops.assign_add(self.first, amount * ops.ones_like(self.first))
        return ops.depend(step.sum(), ops.assign_add(self.second, ops.ones_like(self.second)))


def test_live_memory_stays_the_memory_of_the_graph():
    adder = Adder()
    arrays = live(adder.weights)
    for value in range(1, 6):
        for array in arrays:
            array[...] = 10 * value
        for runs in range(1, 4):
            given = float(adder(Tensor(float(value), mindspore.float32)).asnumpy())
            assert given == 3 * (10 * value + runs * value)  # the graph reads what was written
            assert (arrays[0] == 10 * value + runs * value).all()  # and writes what is read
            assert (arrays[1] == 10 * value + runs).all()
            for array, again in zip(arrays, live(adder.weights), strict=True):
                assert np.shares_memory(array, again)
        gc.collect()
