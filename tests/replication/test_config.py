"""Settings: one place for a default, the user's file laid over it; errors that mend."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from snakemake.utils import update_config

from innerlr.errors import InnerlrError
from replication.families import experiments
from replication.figures.pretrained.settings import Table2
from replication.settings import config, files
from replication.settings.changed import changed
from replication.settings.laws import ExponentialLaw
from replication.settings.section import Section

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"


@pytest.fixture(autouse=True)
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config.yaml, which no test may depend on."""
    path = tmp_path / "config.yaml"
    monkeypatch.setattr(config, "USERS", path)
    return path


def raw() -> dict:
    return yaml.safe_load(files.to_yaml())


def merged(change: dict) -> dict:
    """The defaults with a change merged in, as `--configfile` merges."""
    into = raw()
    update_config(into, copy.deepcopy(change))
    return into


def test_the_file_of_defaults_has_not_drifted() -> None:
    mend = "run `python -m replication config --write`"
    assert (ROOT / files.DEFAULTS).read_text() == files.to_yaml(), mend


def test_the_file_of_defaults_reads_back_as_them() -> None:
    assert config.load(raw()) == config.Config()


TEMPLATE = (ROOT / "config.yaml").read_text()
SETTING = re.compile(r"#( *)([\w\"]+):(.*)")


def settings_of(template: str) -> list[str]:
    """Each setting that is commented out, as YAML with the lines that it stands below."""
    found: list[str] = []
    above: list[tuple[int, str]] = []
    for line in template.splitlines():
        match = SETTING.fullmatch(line)
        if match is None:
            continue
        depth = len(match[1])
        above = [(d, text) for d, text in above if d < depth]
        if match[3].partition(" #")[0].strip():
            found.append("\n".join([*(text for _, text in above), line[1:]]))
        else:
            above.append((depth, line[1:]))
    return found


def test_the_template_of_the_users_settings_is_short() -> None:
    assert len(TEMPLATE.splitlines()) <= 100
    assert len(settings_of(TEMPLATE)) > 20


@pytest.mark.parametrize("setting", settings_of(TEMPLATE), ids=lambda text: text.splitlines()[-1])
def test_each_commented_setting_can_be_used(setting: str, users: Path) -> None:
    users.write_text(f"preset: mine\n{setting}\n", encoding="utf-8")
    made = config.load_over([])
    assert made.preset == "mine"
    assert made != config.load({"preset": "mine"}), "the value shown is the default"


def test_the_users_file_lies_between_the_defaults_and_what_is_given(
    users: Path, tmp_path: Path
) -> None:
    users.write_text(
        "preset: mine\nseed: 1\nfig08: {seeds: 4, search_cap: 5.0}\n", encoding="utf-8"
    )
    given = tmp_path / "given.yaml"
    given.write_text("seed: 2\nfig08: {seeds: 5}\n")
    made = config.load_over([str(given)], {"seed": 3})
    assert (made.preset, made.seed) == ("mine", 3)
    assert (made.fig08.seeds, made.fig08.search_cap) == (5, 5.0)
    assert made.fig08.log2_tasks == config.Config().fig08.log2_tasks
    users.unlink()
    assert config.load_over([]) == config.Config()


@pytest.mark.parametrize("name", experiments())
def test_the_defaults_of_a_section_are_whole(name: str) -> None:
    experiments()[name]().check_whole()


def test_every_value_says_where_it_comes_from() -> None:
    without = [".".join(path) for path, _, source in files.leaves(config.Config()) if not source]
    assert not without


def test_every_assumption_lists_alternatives() -> None:
    for path, _, source in files.leaves(config.Config()):
        if source is not None and source.kind == "assumed":
            assert source.alternatives, path


def test_no_source_is_left_without_a_value() -> None:
    """A pattern in `sources` that matches nothing is a leftover of a renamed key."""
    used = {id(source) for _, _, source in files.leaves(config.Config())}
    for name in config.Config.model_fields:
        section = getattr(config.Config(), name)
        if isinstance(section, Section):
            for base in type(section).__mro__:
                for pattern, source in base.__dict__.get("sources", {}).items():
                    assert id(source) in used, f"{name}: {pattern}"


@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_presets_are_valid_and_named(preset: str) -> None:
    change = yaml.safe_load((ROOT / f"workflow/presets/{preset}.yaml").read_text())
    assert config.load(merged(change)).preset == preset


def test_the_schema_accepts_the_defaults_and_refuses_what_load_refuses() -> None:
    schema = yaml.safe_load(files.to_schema())
    jsonschema.validate(raw(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(merged({"fig08": {"trial": 3}}), schema)


ERRORS = [
    ({"fig8": {}}, ["fig8", "unknown key", "'fig08'"]),
    (
        {"table2": {"specifications": {"named": {"x": {"pretraining_iteration": 3}}}}},
        [
            "table2: specification 'x': pretraining_iteration: unknown key. "
            "Did you mean 'pretraining_iterations'?"
        ],
    ),
    (
        {
            "fig09": {
                "specifications": {"named": {"x": {"panels": {"a": {"features": {"wdth": 3}}}}}}
            }
        },
        ["fig09: specification 'x': panels.a.features.wdth: unknown key. Did you mean 'widths'?"],
    ),
    (
        {"fig08": {"specifications": {"named": {"x": {"panels": {"b": {"shots": 0}}}}}}},
        ["fig08: specification 'x': panels.b.shots: expected greater than 0; got 0."],
    ),
    (
        {"fig10b": {"task_family": {"phase": [3.0, 1.0]}}},
        ["fig10b.task_family: phase must be [low, high], got [3.0, 1.0]."],
    ),
    ({"fig10b": {"shots": 0}}, ["fig10b.shots", "greater than 0", "0"]),
    (
        {"fig10b": {"network": {"activation": "rely"}}},
        ["fig10b.network.activation", "'relu'", "'rely'"],
    ),
    ({"fig08": {"sead": 3}}, ["fig08.sead", "'seeds'"]),
    ({"fig08": {"trials": 3}}, ["fig08.trials: this key is called `seeds` now."]),
    ({"fig08": {"readings": {}}}, ["fig08.readings: this key is called `specifications` now."]),
    (
        {"fig05": {"specifications": {"alternatives": {}}}},
        ["fig05.specifications.alternatives: this key is called `named` now."],
    ),
    (
        {"fig03": {"schemes": {"default": {"rate": 0.1}}, "steps": 3}},
        ["schemes.default.rate: this key is called `alpha`", "steps: this key is called `inner_st"],
    ),
    (
        {"theory": {"path": {"draws": 3}, "draws": 2}},
        ["theory.path.draws: this key is called `seeds`", "draws: this key is called `seeds_per_g"],
    ),
    ({"fig08": {"seeds": "ten"}}, ["fig08.seeds", "integer", "'ten'"]),
    ({"fig08": {"seeds": 2.5}}, ["fig08.seeds", "integer", "2.5"]),
    ({"fig08": {"seeds": 1}}, ["fig08.seeds", "greater than or equal to 2"]),
    ({"seed": -1}, ["seed", "greater than or equal to 0"]),
    (
        {"h3": {"panels": {"a": {"inputs": {"name": "unifrm"}}}}},
        ["h3.panels.a.inputs.name", "'unifrm'", "'uniform'"],
    ),
    (
        {"h3": {"panels": {"a": {"inputs": {"low": 7.0}}}}},
        ["h3.panels.a.inputs", "low must be below high"],
    ),
    (
        {"fig07": {"rows": {"1": {"inputs": {"spread": -2.0}}}}},
        ["fig07.rows.1.inputs.spread", "greater than 0", "-2.0"],
    ),
    (
        {"fig09": {"panels": {"d": {"optima": {"s": 2.5}}}}},
        ["fig09.panels.d.optima.s", "greater than 3", "2.5"],
    ),
    (
        {"fig09": {"panels": {"a": {"features": {"centers": 1}}}}},
        ["fig09.panels.a.features.centers", "'centres'"],
    ),
    ({"fig09": {"panels": {"a": {"shots": 0}}}}, ["fig09.panels.a.shots", "greater than 0"]),
    ({"preset": "../x"}, ["preset", "pattern"]),
    ({"preset": "reference"}, ["preset", "committed results", "another name"]),
    ({"experiments": {"x": {}}}, ["experiments.x", "exactly one of 'file' and 'function'"]),
    *(
        ({"experiments": {name: {"file": "a.npz"}}}, [f"experiments: '{name}' is the name of"])
        for name in ("fig08", "fig04", "table1", "data", "seed", "fig08_readings", "fig03_rates")
    ),
    ({"experiments": {"x": {"fil": "a.npz"}}}, ["experiments.x.fil", "'file'"]),
]


@pytest.mark.parametrize(("change", "parts"), ERRORS, ids=[str(c) for c, _ in ERRORS])
def test_a_wrong_configuration_gives_one_clear_error(change: dict, parts: list[str]) -> None:
    with pytest.raises(InnerlrError) as error:
        config.load(merged(change))
    for part in ["config: ", *parts]:
        assert part in str(error.value)


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(InnerlrError) as error:
        config.load(merged({"fig8": {}, "seed": -1}))
    assert "fig8" in str(error.value)
    assert "seed" in str(error.value)


def test_a_law_replaced_by_another_forgets_the_first_ones_parameters() -> None:
    """`--configfile` merges mappings, so `low` and `high` of the uniform law remain."""
    change = {"h3": {"panels": {"a": {"inputs": {"name": "exponential", "scale": 2.0}}}}}
    inputs = config.load(merged(change)).h3.panels["a"].inputs
    assert inputs == ExponentialLaw(name="exponential", scale=2.0)


@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_a_file_is_laid_over_another_as_snakemake_does(preset: str) -> None:
    path = str(ROOT / f"workflow/presets/{preset}.yaml")
    laid = config.load_over([path])
    assert laid == config.load(merged(yaml.safe_load(Path(path).read_text(encoding="utf-8"))))


def test_numbers_that_yaml_reads_as_text() -> None:
    text = """
preset: 1e5
fig02: {rcond: 1e-8, alphas: {first: -3e-4}}
fig05: {max_steps: 1e+6, alpha: 1.e-3, laws: {normal: {name: normal, mean: 1e0, spread: 2e0}}}
table2: {alphas: [1e-3, 5e-3, 1e-2, 5e-2, 8e-2, 1e-1, 0.15, 0.2, 0.3, 0.4, 5e-1]}
fig03: {specifications: {alphas: [1e-1, learned], named: {x: {outer_lr: 3e-4}}}}
fig10a: {specifications: {named: {x: {outer_lr: 1e-4}}}}
experiments: {x: {function: 'm:f', options: {name: 1e5}}}
"""
    change = yaml.safe_load(text)
    assert change["fig02"]["rcond"] == "1e-8"
    made = config.load(merged(change))
    assert made.preset == made.experiments["x"].options["name"] == "1e5"
    assert made.fig02.rcond == 1e-8
    assert made.fig02.alphas.first == -3e-4
    assert (made.fig05.max_steps, made.fig05.alpha) == (1_000_000, 1e-3)
    assert made.fig05.laws["normal"].mean == 1.0
    assert made.table2.alphas == Table2().alphas
    assert made.fig03.specifications.alphas == [0.1, "learned"]
    assert made.fig10a.specification("x").outer_lr == 1e-4
    with pytest.raises(InnerlrError, match=r"fig08.seeds: expected a valid integer; got 0.01"):
        config.load(merged({"fig08": {"seeds": "1e-2"}}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InnerlrError, match=r"nowhere\.yaml"):
        config.load_file(str(tmp_path / "nowhere.yaml"))


def test_late_keys_do_not_reach_the_early_stages() -> None:
    fig08 = config.Config().fig08
    assert "search_cap" not in fig08.for_stage("features")
    assert fig08.for_stage("sweep")["search_cap"] == fig08.search_cap
    assert "title" not in fig08.for_stage("estimates")["panels"]["a"]
    assert fig08.for_stage("figure")["panels"]["a"]["title"]


@pytest.mark.workflow
def test_no_experiment_of_the_users_own_has_the_name_of_a_rule() -> None:
    command = [sys.executable, "-m", "snakemake", "--list-rules"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rules = re.findall(r"^\w+$", run.stdout, re.M)
    assert {"all", "fig04", "estimators", "judge", "report_due"} <= set(rules)
    for name in rules:
        with pytest.raises(InnerlrError, match=f"'{name}' is the name of"):
            config.load({"experiments": {name: {"file": "a.npz"}}})
    assert config.load({"experiments": {"kitchen": {"file": "a.npz"}}}).experiments


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fig08: {seed: 3}", "fig08.seed: unknown key. Did you mean 'seeds'?"),
        (
            "fig08: {specifications: {claims: [nope]}}",
            "fig08.specifications.claims: no claim on it begins with 'nope'. Valid: 'fig08a-",
        ),
    ],
)
def test_snakemake_refuses_what_is_misspelt_before_building_the_dag(
    tmp_path: Path, text: str, expected: str
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--nolock"),
            *("--configfile", str(wrong)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert expected in said
    assert "Traceback" not in said
    assert "Job stats" not in said


def test_the_settings_that_are_not_the_defaults_are_named() -> None:
    section = config.Config().fig09.model_dump()
    assert changed("fig09", section) == ""
    section["panels"]["d"]["inputs"]["df"] = 1e12
    section["seeds"] = 3
    assert changed("fig09", section) == (
        "Settings that are not the defaults: fig09.panels.d.inputs.df = 1000000000000.0, "
        "fig09.seeds = 3."
    )
    assert changed("mine", {"seeds": 3}) == changed("", {}) == ""
    many = dict.fromkeys(config.Config().fig10a.model_dump(), 7)
    assert changed("fig10a", many).endswith(" more.")


def _sections(of: type[Section] = Section) -> Iterator[type[Section]]:
    for section in of.__subclasses__():
        yield section
        yield from _sections(section)


def test_the_changelog_lists_the_former_names_of_keys() -> None:
    experiments()  # imports the sections of all families
    renamed = {item for section in _sections() for item in vars(section).get("former", {}).items()}
    rows = re.findall(r"^\| .* \| `(\w+)` \| `(\w+)` \|$", CHANGELOG.read_text("utf-8"), re.M)
    assert set(rows) == renamed
    for section in _sections():
        for former, key in vars(section).get("former", {}).items():
            assert former not in section.model_fields
            assert key in section.model_fields
