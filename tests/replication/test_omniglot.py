"""Omniglot's images: sources and their errors, small images, splits, sampling."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import tolerances
from innerlr.errors import InnerlrError
from replication.images import bank as omniglot
from replication.images import choice, sources
from replication.images.bank import SIDE, ImageBank, TaskSampler, distinct, rotated, split
from replication.images.glyphs import stand_in

REAL = os.environ.get(choice.ENVIRONMENT)
needs_omniglot = pytest.mark.skipif(not REAL, reason=f"{choice.ENVIRONMENT} is not set")
TINY = sources.Contents(
    {"images_background": {"A": 2, "B": 1}, "images_evaluation": {"C": 2}}, drawers=3
)
ROTATIONS = 4


def png(ink: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(~ink).save(stream, "png")
    return stream.getvalue()


def members(contents: sources.Contents = TINY) -> dict[str, dict[str, bytes]]:
    """Of each archive, path: PNG, of random drawings."""
    rng = np.random.default_rng(0)
    return {
        archive: {
            f"{archive}/{alphabet}/character{c:02d}/{c:04d}_{d:02d}.png": png(
                rng.random((SIDE, SIDE)) < 0.1
            )
            for alphabet, characters in alphabets.items()
            for c in range(1, characters + 1)
            for d in range(1, contents.drawers + 1)
        }
        for archive, alphabets in contents.characters.items()
    }


def zipped(folder: Path, files: dict[str, dict[str, bytes]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for archive, content in (files or members()).items():
        with zipfile.ZipFile(folder / f"{archive}.zip", "w") as stream:
            for path, data in content.items():
                stream.writestr(path, data)
    return folder


# ------------------------------------------------------------------ the bank


def test_the_bank_gives_back_every_drawing_with_its_labels(tmp_path: Path) -> None:
    bank = sources.read(zipped(tmp_path), TINY)
    assert bank.packed.shape == (15, -(-SIDE * SIDE // 8))
    assert list(bank.alphabet) == ["A"] * 6 + ["B"] * 3 + ["C"] * 6
    assert list(bank.character) == [1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert list(bank.drawer) == [1, 2, 3] * 5
    first = next(iter(members()["images_background"].values()))
    assert np.array_equal(bank.ink()[0], ~np.asarray(Image.open(io.BytesIO(first))))
    again = ImageBank.from_arrays(bank.to_arrays())
    assert np.array_equal(again.packed, bank.packed)
    assert list(bank.characters()) == sorted([*range(5)] * 3)


def test_extracted_folders_are_read_like_archives(tmp_path: Path) -> None:
    for content in members().values():
        for path, data in content.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(data)
    assert np.array_equal(
        sources.read(tmp_path, TINY).packed, sources.read(zipped(tmp_path / "z"), TINY).packed
    )


@needs_omniglot
def test_the_real_images_are_all_there() -> None:
    bank = sources.read(str(REAL))
    assert len(bank.packed) == 32_460
    assert len(set(bank.alphabet)) == 50
    assert bank.characters()[-1] + 1 == 964 + 659
    _, inverse, counts = np.unique(bank.packed, axis=0, return_inverse=True, return_counts=True)
    (twice,) = np.flatnonzero(counts > 1)
    pair = np.flatnonzero(inverse.ravel() == twice)
    assert [(bank.alphabet[i], bank.character[i], bank.drawer[i]) for i in pair] == [
        ("Braille", 1, 3),
        ("Braille", 1, 19),
    ]


# ------------------------------------------------------------------ small images


def some_ink(n: int = 5) -> np.ndarray:
    return stand_in(1, np.random.default_rng(1), drawers=n).ink()


def test_nearest_is_pillows_resize_of_one_bit_images() -> None:
    ink = some_ink()
    for image, made in zip(ink, omniglot.nearest(ink), strict=True):
        by_pillow = Image.fromarray(image).resize((28, 28), Image.Resampling.NEAREST)
        assert np.array_equal(made == 255, np.asarray(by_pillow))
        assert set(np.unique(made)) <= {0, 255}


@pytest.mark.parametrize("made", ["generated", "directory", "stand_in"])
@pytest.mark.parametrize("asked", ["auto", "stand_in"])
def test_a_stand_in_that_nobody_asked_for_is_told(made: str, asked: str) -> None:
    said = choice.unasked_stand_in(made, asked, "x.log", "fig03")
    if (made, asked) == ("stand_in", "auto"):
        assert all(part in said for part in ("WARNING", "x.log", "OMNIGLOT_DIR"))
    else:
        assert said == ""


# source, whether a folder is named, and what can be made of it
BANKS = [
    *(("auto", False, "download"), ("auto", False, "stand_in"), ("auto", True, "directory")),
    *(("directory", True, "directory"), ("download", False, "download")),
    *(("download", True, "download"), ("stand_in", False, "stand_in")),
    ("stand_in", True, "stand_in"),
]


@pytest.mark.parametrize(("source", "named", "made"), BANKS)
def test_an_image_bank_is_made_anew_only_where_it_must(source: str, named: bool, made: str) -> None:
    asked = choice.wanted(source, named, "generated")
    # the same again has nothing to do
    assert choice.wanted(source, named, made) == asked
    # without the variable, or with another folder, Omniglot stays
    if made != "stand_in" and source == "auto":
        assert {choice.wanted("auto", any_, made) for any_ in (False, True)} == {asked}
    if made == "directory":
        assert choice.wanted("directory", True, made) == asked
    # a stand-in gives way where Omniglot can be had, and was not asked for itself
    if made == "stand_in" and source == "auto":
        for later in ("auto", "directory"):
            again = choice.wanted(later, True, made)
            assert again == choice.wanted(later, True, "directory") != asked
    # what is asked for by name is made
    for other in ("stand_in", "download"):
        if (made == "stand_in") != (other == "stand_in"):
            assert choice.wanted(other, named, made) != asked


def test_turning_and_shrinking_commute() -> None:
    """So that classes may be turned after they were shrunk (not exactly with Lanczos)."""
    ink = some_ink()
    turned = omniglot.nearest(np.rot90(ink, 1, axes=(1, 2)))
    assert np.array_equal(turned, np.rot90(omniglot.nearest(ink), 1, axes=(1, 2)))


def test_lanczos_keeps_the_amount_of_ink() -> None:
    ink = some_ink()
    grey = omniglot.lanczos(ink)
    assert grey.mean() / 255 == pytest.approx(ink.mean(), rel=0.1)
    assert len(np.unique(grey)) > 50


# ------------------------------------------------------------------ splits and tasks


def test_no_class_in_any_rotation_is_in_two_splits() -> None:
    """Every drawing carries its character's number in its pixels, whichever way it is turned."""
    sizes = {"train": 50, "validation": 10, "test": 25}
    images = np.arange(85, dtype=np.uint8)[:, None, None, None] * np.ones((1, 20, 28, 28), np.uint8)
    parts = split(85, sizes, np.random.default_rng(3))
    seen = {name: set(np.unique(rotated(images[at]))) for name, at in parts.items()}
    assert {name: len(values) for name, values in seen.items()} == sizes
    assert len(set().union(*seen.values())) == 85  # so they are disjoint
    for name, at in parts.items():
        sampler = TaskSampler(rotated(images[at]), 20, 1, 1, np.random.default_rng(4))
        drawn = {value for _ in range(50) for value in np.unique(sampler.sample(4))}
        assert drawn == seen[name]


def test_the_split_depends_on_the_seed_alone() -> None:
    sizes = {"train": 50, "validation": 10, "test": 25}
    first, again, other = (split(85, sizes, np.random.default_rng(s)) for s in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in sizes)
    assert not np.array_equal(first["train"], other["train"])


def test_rotations_are_four_classes_each() -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, 2, 5, 5), dtype=np.uint8)
    made = rotated(images)
    for c in range(3):
        for r in range(ROTATIONS):
            for d in range(2):
                assert np.array_equal(made[ROTATIONS * c + r, d], np.rot90(images[c, d], r))


def numbered(classes: int, drawers: int = 20) -> np.ndarray:
    return np.arange(classes * drawers, dtype=np.int64).reshape(classes, drawers, 1, 1)


def test_more_different_numbers_than_there_are() -> None:
    with pytest.raises(InnerlrError, match="expected 5 at least"):
        distinct(np.random.default_rng(0), 3, (2, 5))


def test_a_task_has_distinct_classes_and_distinct_drawings() -> None:
    sampler = TaskSampler(numbered(30), 20, 3, 4, np.random.default_rng(0))
    for _ in range(20):
        tasks = sampler.sample(8)[..., 0, 0]
        classes = tasks // 20
        assert (classes == classes[..., :1]).all()
        for task in classes[..., 0]:
            assert len(set(task)) == 20
        for each in tasks.reshape(-1, 7):
            assert len(set(each)) == 7


@pytest.mark.parametrize("place", [0, 7, 19])
def test_classes_drawers_and_places_are_uniform(place: int) -> None:
    """Chi-square, for the first, a middle and the last label of a task."""
    sampler = TaskSampler(numbered(44), 20, 1, 1, np.random.default_rng(5))
    drawn = sampler.sample(20_000)[:, place, :, 0, 0]
    for values, cells in ((drawn[:, 0] // 20, 44), (drawn[:, 0] % 20, 20), (drawn[:, 1] % 20, 20)):
        counts = np.bincount(values, minlength=cells)
        assert stats.chisquare(counts).pvalue > tolerances.CHANCE


@pytest.mark.parametrize(("n", "length"), [(4, 2), (4, 4), (6, 3)])
def test_every_sequence_without_repetition_is_as_likely(n: int, length: int) -> None:
    """Chi-square over all of them; the last numbers are the rare ones where length is n."""
    drawn = distinct(np.random.default_rng(7), n, (12_000, length))
    every = dict.fromkeys(itertools.permutations(range(n), length), 0)
    for sequence in map(tuple, drawn):
        every[sequence] += 1  # a repetition is no key
    assert stats.chisquare(list(every.values())).pvalue > tolerances.CHANCE


def test_the_sampler_is_its_generator() -> None:
    first, again = (TaskSampler(numbered(30), 5, 1, 1, np.random.default_rng(6)) for _ in range(2))
    state = first.rng.bit_generator.state
    one = first.sample(4)
    assert np.array_equal(one, again.sample(4))
    first.rng.bit_generator.state = state
    assert np.array_equal(one, first.sample(4))


# ------------------------------------------------------------------ the stand-in


def test_the_stand_in_looks_like_omniglot() -> None:
    bank = stand_in(40, np.random.default_rng(0))
    assert bank.small().shape == (40, 20, 28, 28)
    with pytest.raises(InnerlrError, match="Did you mean 'nearest'"):
        bank.small("neerest")
    assert len(np.unique(bank.packed, axis=0)) == 800  # no two drawings are the same
    assert 0.01 < bank.ink().mean() < 0.2
    again = stand_in(40, np.random.default_rng(0))
    assert np.array_equal(bank.packed, again.packed)


def images(**change: object) -> dict:
    sizes = {"train": 3, "validation": 1, "test": 2}
    return {"source": "auto", "directory": None, "split": sizes, **change}


def test_sources_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(choice.ENVIRONMENT, raising=False)
    with pytest.raises(InnerlrError, match=r"none is named.*OMNIGLOT_DIR"):
        sources.obtain(images(source="directory"), np.random.default_rng(0))
    unreachable = {"base_url": "http://127.0.0.1:9/", "cache": tmp_path / "cache"}
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="STAND-IN"):
        bank, source = sources.obtain(images(), rng, contents=TINY, **unreachable)
    assert (source, bank.characters()[-1] + 1) == ("stand_in", 6)
    with pytest.raises(InnerlrError, match="cannot be had"):
        sources.obtain(images(source="download"), rng, contents=TINY, **unreachable)
    folder = str(zipped(tmp_path / "mine"))
    _, source = sources.obtain(images(directory=folder), rng, contents=TINY)
    assert source == "directory"
    monkeypatch.setenv(choice.ENVIRONMENT, folder)
    assert sources.obtain(images(), rng, contents=TINY)[1] == "directory"
    assert sources.obtain(images(source="stand_in"), rng, contents=TINY)[1] == "stand_in"


# ------------------------------------------------------------------ the download


class Server(SimpleHTTPRequestHandler):
    """Serves a folder, understands Range, and breaks off `cut` answers half-way."""

    cut = 0
    asked: tuple[str | None, ...] = ()

    def do_GET(self) -> None:
        data = Path(self.translate_path(self.path)).read_bytes()
        ranged = self.headers.get("Range")
        type(self).asked = (*self.asked, ranged)
        start = int(ranged.removeprefix("bytes=").removesuffix("-")) if ranged else 0
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data)
        if self.cut:
            type(self).cut -= 1
            end = (start + len(data)) // 2
        self.wfile.write(data[start:end])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and the checksums of what it has."""
    folder = zipped(tmp_path / "served")
    Server.cut, Server.asked = 0, ()
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(folder)))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    sums = {
        path.stem: hashlib.md5(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())
    }
    yield f"http://127.0.0.1:{made.server_port}/", sums
    made.shutdown()
    made.server_close()


def test_the_download_is_checked_and_cached(server: tuple, tmp_path: Path) -> None:
    url, md5 = server
    folder = sources.download(tmp_path / "cache", base_url=url, md5=md5)
    assert len(sources.read(folder, TINY).packed) == 15
    sources.download(tmp_path / "cache", base_url=url, md5=md5)
    assert len(Server.asked) == 2  # one request an archive, none the second time


def test_a_download_that_broke_off_goes_on(
    server: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, md5 = server
    monkeypatch.setattr(sources, "_BLOCK", 128)
    Server.cut = 1
    with pytest.raises(InnerlrError, match="cannot be had"):
        sources.download(tmp_path / "cache", base_url=url, md5=md5)
    (part,) = (tmp_path / "cache").iterdir()
    have = part.stat().st_size
    assert have > 0
    folder = sources.download(tmp_path / "cache", base_url=url, md5=md5)
    assert Server.asked[1] == f"bytes={have}-"
    assert len(sources.read(folder, TINY).packed) == 15
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.zip" for name in md5]


def test_a_download_with_another_checksum_is_refused(server: tuple, tmp_path: Path) -> None:
    url, md5 = server
    wrong = dict.fromkeys(md5, "0" * 32)
    with pytest.raises(InnerlrError, match=r"images_background\.zip cannot be had"):
        sources.download(tmp_path / "cache", base_url=url, md5=wrong)
    assert not list((tmp_path / "cache").iterdir())


# ------------------------------------------------------------------ bad input


def broken(change: Callable[[dict[str, dict[str, bytes]]], None]) -> dict:
    files = members()
    change(files)
    return files


def drop(part: str) -> Callable[[dict], None]:
    def change(files: dict) -> None:
        for content in files.values():
            for path in [p for p in content if part in p]:
                del content[path]

    return change


def rename(files: dict) -> None:
    content = files["images_evaluation"]
    content["images_evaluation/C/stray.png"] = content.popitem()[1]


def garble(files: dict) -> None:
    files["images_evaluation"][next(iter(files["images_evaluation"]))] = b"not a picture"


def enlarge(files: dict) -> None:
    big = png(np.zeros((30, 30), dtype=bool))
    files["images_evaluation"][next(iter(files["images_evaluation"]))] = big


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (drop("/B/"), ["images_background", "1 characters of the alphabet B, got 0"]),
        (drop("A/character02"), ["2 characters of the alphabet A, got 1"]),
        (drop("C/character01/0001_02"), ["3 images of C character01, got 2"]),
        (drop("images_evaluation/"), ["images_evaluation", "holds no image"]),
        (rename, ["stray.png", "ALPHABET/characterNN"]),
        (garble, ["not an image"]),
        (enlarge, ["105 x 105", "30 x 30"]),
    ],
)
def test_what_is_wrong_with_a_directory_is_said(
    tmp_path: Path, change: Callable, parts: list[str]
) -> None:
    with pytest.raises(InnerlrError) as error:
        sources.read(zipped(tmp_path, broken(change)), TINY)
    for part in parts:
        assert part in str(error.value)


def test_archives_that_are_missing_cut_short_or_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InnerlrError, match="no such folder"):
        sources.read(tmp_path / "nowhere", TINY)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InnerlrError, match=r"neither images_background\.zip nor"):
        sources.read(empty, TINY)
    folder = zipped(tmp_path / "cut")
    archive = folder / "images_background.zip"
    archive.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(InnerlrError, match=r"images_background\.zip: not a whole zip"):
        sources.read(folder, TINY)
    other = sources.Contents(TINY.characters, TINY.drawers, digest="0" * 64)
    with pytest.raises(InnerlrError, match="pixels are not those of Omniglot"):
        sources.read(zipped(tmp_path / "other"), other)


def test_tasks_that_a_split_cannot_give_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InnerlrError, match="31 ways were asked for, the split has 30 classes"):
        TaskSampler(numbered(30), 31, 1, 1, rng)
    with pytest.raises(InnerlrError, match=r"15 shots \+ 6 queries .* has 20 images"):
        TaskSampler(numbered(30), 5, 15, 6, rng)
    with pytest.raises(InnerlrError, match="= 86 characters were asked for, there are 85"):
        split(85, {"train": 50, "validation": 10, "test": 26}, rng)


def test_characters_with_different_numbers_of_drawings_are_refused() -> None:
    bank = stand_in(3, np.random.default_rng(0), drawers=4)
    cut = ImageBank(*(value[:-1] for value in bank.to_arrays().values()))
    with pytest.raises(InnerlrError, match=r"got 3 of .* and up to 4"):
        cut.small()


def test_the_font_has_letters_enough_for_the_paper_s_split_and_no_more() -> None:
    with pytest.raises(InnerlrError, match="9000 characters were asked for"):
        stand_in(9000, np.random.default_rng(0))
