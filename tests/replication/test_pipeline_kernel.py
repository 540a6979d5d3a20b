"""The kernel of notebooks: this Python, whatever the user's environment says."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat.v4 as nb
import pytest

from innerlr.errors import InnerlrError
from replication.pipeline import kernel, notebook

CELL = """
import json, os, sys
import ipykernel
import matplotlib.pyplot as plt
plt.plot([1, 2])
spoken = json.loads(ipykernel.get_connection_info())
own = spoken["ip"].startswith(os.environ["IPYTHONDIR"])
(sys.executable, os.environ.get("PYTHONSTARTUP"), "" in sys.path, spoken["transport"], own)
"""


@pytest.mark.parametrize("backend", ["Agg", "module://backend_interagg"])
def test_a_notebook_is_run_by_this_python_and_shows_its_figures(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`MPLBACKEND=Agg` stands in cluster profiles, the other is what PyCharm sets."""
    foreign = tmp_path / "kernels/python3/kernel.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text(
        json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "x"}),
        encoding="utf-8",
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/dev/null/no folder")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "startup.py"))
    monkeypatch.setenv("MPLBACKEND", backend)
    source = nb.new_notebook(cells=[nb.new_code_cell(CELL)])
    source.metadata = {"kernelspec": {"name": "python3", "language": "python"}}
    path = tmp_path / "x.ipynb"
    path.write_text(nb.writes(source), encoding="utf-8")
    executed = nb.reads(notebook.run(str(path), str(tmp_path / "log.ipynb"), {}))
    said, figure = executed.cells[-1].outputs
    assert said["data"]["text/plain"] == repr((sys.executable, None, False, "ipc", True))
    assert "image/png" in figure["data"]


def test_only_settings_are_left_out_of_the_environment(tmp_path: Path) -> None:
    kept = {"PATH": "a", "PYTHONPATH": "b", "MPLCONFIGDIR": "c", "LD_LIBRARY_PATH": "d"}
    left_out = {"MPLBACKEND": "Agg", "JUPYTER_PATH": "e", "PYTHONWARNINGS": "error"}
    made = kernel.environment(tmp_path, kept | left_out)
    assert made.items() >= kept.items()
    assert {made[name] for name in made} & set(left_out.values()) == set()
    assert made["IPYTHONDIR"] == str(tmp_path)


def test_a_folder_of_a_kernel_is_its_own_and_goes_with_it() -> None:
    with kernel.folder() as made:
        assert made.stat().st_mode & 0o077 == 0
        assert list(made.iterdir()) == []
    assert not made.exists()


@pytest.mark.parametrize("most", [64, 512])
def test_too_few_open_files_are_raised_or_said(most: int) -> None:
    """In a process of its own: a limit cannot be taken back."""
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (64, {most}))\n"
        "from replication.pipeline import kernel\n"
        "with kernel.folder():\n"
        "    print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if most < kernel.FILES:
        assert "at most 64 files may be open at a time; a notebook's kernel needs 128" in run.stderr
    else:
        assert run.stdout == f"(128, {most})\n"


def test_a_folder_in_which_no_socket_can_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(InnerlrError, match=r"x/kernel-.*short path, by TMPDIR"), kernel.folder():
        pass
    assert list(long.iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    with pytest.raises(InnerlrError, match=r"Not a directory.*TMPDIR"), kernel.folder():
        pass
