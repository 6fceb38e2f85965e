"""MindSpore, imported so that Flower and it can run in one process.

MindSpore 2.9 ships protobuf code that only pure-Python protobuf can load. Flower loads
protobuf's compiled form before our code runs, and importing MindSpore then ends the process
with an abort. Here MindSpore gets a pure-Python protobuf of its own while Flower keeps the
compiled one. All other modules take MindSpore from here, never from itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

_CHOICE = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


def _take_protobuf() -> dict[str, ModuleType]:
    names = [n for n in sys.modules if n == "google.protobuf" or n.startswith("google.protobuf.")]
    return {name: sys.modules.pop(name) for name in names}


@contextmanager
def _own_protobuf() -> Iterator[None]:
    """Load and hide the process's protobuf; whatever is imported inside loads its own.

    Load, because the compiled form binds itself for good to the first protobuf it meets.
    """
    importlib.import_module("google.protobuf.message")
    importlib.import_module("google.protobuf.internal.api_implementation")
    google = importlib.import_module("google")
    hidden, choice = _take_protobuf(), os.environ.get(_CHOICE)
    os.environ[_CHOICE] = "python"
    try:
        yield
    finally:
        _take_protobuf()
        sys.modules.update(hidden)
        google.protobuf = hidden["google.protobuf"]  # type: ignore[attr-defined]
        if choice is None:
            del os.environ[_CHOICE]
        else:
            os.environ[_CHOICE] = choice


def live(parameters: Iterable[Any]) -> list[Any]:
    """Return the memory of parameters as arrays, to read and write between graph calls.

    ``set_data`` and its kin bind a parameter to new memory while the compiled graph goes on
    with the old: training would then do nothing, silently. The memory itself stays where it
    is as long as the parameter lives; a test holds that.
    """
    return [parameter.asnumpy() for parameter in parameters]


def _start() -> None:
    os.environ.setdefault("GLOG_v", "3")
    with _own_protobuf():
        mindspore = importlib.import_module("mindspore")
    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    mindspore.set_device("CPU")
    _forget_the_script()
    _take_one_thread(importlib.import_module("mindspore._c_expression").RuntimeConf.get_instance())
    mindspore.nn.ReLU()(mindspore.Tensor([1.0]))  # starts the thread, where we are bound now


def _forget_the_script() -> None:
    """Show MindSpore's compile cache a file without imports as the script that runs.

    It would parse ``sys.argv[0]`` and all that this imports, and fail where that is no file.
    """
    api = importlib.import_module("mindspore.graph.api")
    api.entry_script_path = str(Path(__file__).with_name("__init__.py"))  # type: ignore[attr-defined]


def _take_one_thread(threads: Any) -> None:
    """Compute all kernels of a graph in the thread that leads it.

    By default MindSpore cuts each kernel in as many parts as there are processors, and the
    last bits of a sum depend on it. The helper threads spin between kernels: bound to one
    processor, they cost a fifth of the time of a step. The public
    ``op_tuning.threads_num`` takes no 0.
    """
    if not threads.is_op_threads_num_configured():
        threads.set_op_threads_num(0)
    if not threads.is_dispatch_threads_num_configured():
        threads.set_dispatch_threads_num(1)


_start()

import mindspore  # noqa: E402
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops  # noqa: E402
from mindspore.ops import auto_generate as grads  # noqa: E402

__all__ = ["Parameter", "ParameterTuple", "Tensor", "grads", "live", "mindspore", "nn", "ops"]
