"""Families are found by looking, and say clearly what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from innerlr.errors import InnerlrError
from replication import families
from replication.families import FOLDER, family_of, own_section
from replication.settings.section import Section

ROOT = Path(__file__).resolve().parents[2]
FIGURE = re.compile(r"\b(fig0\d\w?|fig1[0-2]\w?|table2|h3)\b")


def test_every_folder_with_settings_is_a_family() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/settings.py")}
    assert set(families.families()) == folders
    assert {"landscape", "theory", "own"} < folders


@pytest.mark.parametrize("name", families.families())
def test_a_family_has_what_belongs_to_it(name: str) -> None:
    family = families.families()[name]
    for section in family.experiments.values():
        module, cls = section.computed_by.split(":")
        assert f"class {cls}(" in (family.folder / f"{module}.py").read_text()
    drawn = list(family.figures) or ["own_experiment"]
    for figure in drawn:
        assert (family.folder / f"captions/{figure}.rst").read_text().strip()
        assert (ROOT / f"notebooks/{figure}.ipynb").is_file()
    assert family.has("draw")
    assert (family.folder / "claims.yaml").is_file() == (name != families.OWN)


def test_figures_and_experiments_are_those_of_the_paper() -> None:
    numbered = [f"fig{number:02d}" for number in range(1, 13)]
    assert list(families.figures()) == [*numbered, "h3", "table2", "theory"]
    assert families.figures()["fig04"] == ["fig04a", "fig04b"]
    assert families.figures()["fig10"] == ["fig10a", "fig10b"]
    drawn = [name for names in families.figures().values() for name in names]
    assert sorted(drawn) == list(families.experiments())


def test_a_name_that_no_family_has_is_of_the_users_own() -> None:
    assert family_of("fig09").name == family_of("h3").name == "landscape"
    assert family_of("fig10").name == family_of("fig10b").name == "rate_sweep"
    assert family_of("mine").name == "own"
    assert families.section_class("mine") is own_section()


def test_an_unknown_experiment_has_the_nearest_name_in_its_error() -> None:
    with pytest.raises(InnerlrError, match=r"unknown 'fig8'. Did you mean 'fig08'"):
        families.make("fig8", {}, 1)


class Fig13(Section):
    """A section."""


@pytest.mark.parametrize(
    ("declared", "parts"),
    [
        ({}, ["figures/new/settings.py", "EXPERIMENTS", "fig13"]),
        (
            {"EXPERIMENTS": {"fig13": Fig13}, "FIGURES": {"fig13": ["fig31"]}},
            ["FIGURES: fig13 draws 'fig31'", "Did you mean 'fig13'"],
        ),
        (
            {"EXPERIMENTS": {"fig13": Fig13}, "FIGURES": {"Fig-13": ["fig13"]}},
            ["small letters and digits", "'Fig-13'"],
        ),
        ({"EXPERIMENTS": {"fig08": Fig13}}, ["'fig08'", "family 'convergence'", "Rename"]),
    ],
)
def test_what_a_family_declares_wrongly_is_one_clear_error(
    declared: dict, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = families.import_module

    def imported(name: str) -> object:
        if name == "replication.figures.new.settings":
            return type("Module", (), declared)
        return real(name)

    found = [*families._settings_files(), FOLDER / "new/settings.py"]
    monkeypatch.setattr(families, "_settings_files", lambda: found)
    monkeypatch.setattr(families, "import_module", imported)
    with pytest.raises(InnerlrError) as error:
        families.families.__wrapped__()
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize(
    "path",
    [
        *(ROOT / "workflow/rules").glob("*.smk"),
        *(ROOT / "scripts").glob("*.py"),
        ROOT / "Snakefile",
        *(
            path
            for path in (ROOT / "src/replication").rglob("*.py")
            if FOLDER not in path.parents and path.name != "__init__.py"
        ),
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_figure_is_named_in_general_code(path: Path) -> None:
    """Docstrings and comments may have one as an example."""
    text = re.sub(r'"""(?:.|\n)*?"""', "", path.read_text(encoding="utf-8"))
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert not FIGURE.findall(code)
