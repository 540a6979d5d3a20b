"""The kernel of notebooks: this Python, and none of the user's settings of what it draws with.

Jupyter takes the first kernel of a name on its path, which may be another Python's. IPython runs
files of the user's at its start. matplotlib takes its backend from the environment.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from innerlr.errors import InnerlrError

# programs whose variables say what is drawn, shown or read
_PROGRAMS = ("IPYTHON", "JPY_", "JUPYTER", "MATPLOTLIB", "MPL", "PANDAS_")
# but for the folder of the cache of fonts
_KEPT = ("MPLCONFIGDIR",)
# variables of Python that would show warnings in the notebook or change what runs
_PYTHON = ("PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONSTARTUP", "PYTHONWARNINGS")

# open at a time in a kernel that draws: 63 were seen
FILES = 128


def _may_open_files() -> None:
    """Raise this process's own limit of open files where it is too low for a kernel."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= limit < FILES:
        if 0 <= most < FILES:
            raise InnerlrError(
                f"at most {most} files may be open at a time; a notebook's kernel needs {FILES}. "
                f"Raise the limit where the run is started: ulimit -n {FILES}."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for a kernel's sockets and settings, for as long as the block runs.

    Raises:
        InnerlrError: there is no room, too few files may be open, or no socket can be made, as
            below a long path.
    """
    _may_open_files()
    try:
        made = tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True)
    except OSError as error:
        raise InnerlrError(
            f"a notebook's kernel needs a folder for temporary files: {error.strerror}. Name one "
            "that can be written, with room, by TMPDIR."
        ) from error
    with made as name:
        try:
            with socket.socket(socket.AF_UNIX) as tried:
                tried.bind(os.path.join(name, "kernel-ipc-1"))
        except OSError as error:
            raise InnerlrError(
                f"{name}: a notebook's kernel cannot make its sockets there: {error}. Name a "
                "folder of a local disk, with a short path, by TMPDIR."
            ) from error
        os.unlink(os.path.join(name, "kernel-ipc-1"))
        yield Path(name)


def connection(folder: Path) -> dict[str, str]:
    """How a kernel is spoken to: by sockets in its folder, which no other user can reach."""
    return {"transport": "ipc", "connection_file": str(folder / "kernel.json")}


def command() -> list[str]:
    """What starts a kernel, for Jupyter to fill in; no module of the working folder is taken."""
    return [sys.executable, "-P", "-m", __name__, "-f", "{connection_file}"]


def environment(folder: Path, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a kernel: what is given, without the settings of what it draws with.

    Args:
        folder: the kernel's own.
        given: of the process that starts it.
    """
    kept = {
        name: value
        for name, value in given.items()
        if name in _KEPT or not name.startswith((*_PROGRAMS, *_PYTHON))
    }
    return kept | {
        "IPYTHONDIR": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder),
        "MATPLOTLIBRC": os.devnull,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUTF8": "1",
    }


def main() -> None:
    """The kernel's process."""
    # imported here: the process that starts a kernel needs none of it
    from ipykernel.kernelapp import IPKernelApp

    class Process(IPKernelApp):
        def load_config_file(self, *_: Any, **__: Any) -> None:
            """None, of the user or of the machine."""

        def init_code(self) -> None:
            """No startup files."""

    # what it says of caches and of settings that it does not know would stand in the notebook
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    Process.launch_instance(ignore_cwd=True)


if __name__ == "__main__":
    main()
