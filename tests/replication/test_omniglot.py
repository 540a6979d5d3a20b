"""Omniglot's images: sources and their errors, small images, splits, sampling."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import struct
import tempfile
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

import tolerances
from innerlr.errors import InnerlrError
from replication.images import bank as omniglot
from replication.images import choice, layouts, sources
from replication.images import download as downloads
from replication.images.bank import SIDE, ImageBank, TaskSampler, distinct, rotated, split
from replication.images.download import Archive, download
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


def zipped(
    folder: Path,
    files: dict[str, dict[str, bytes]] | None = None,
    method: int = zipfile.ZIP_STORED,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for archive, content in (files or members()).items():
        with zipfile.ZipFile(folder / f"{archive}.zip", "w", method) as stream:
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


@needs_omniglot
def test_the_real_images_are_told_by_their_pixels_in_another_layout(tmp_path: Path) -> None:
    """All alphabets in one folder, the layout that shares least with the archives."""
    for path in Path(str(REAL)).glob("images_*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / "out")
    for alphabet in (tmp_path / "out").glob("images_*/*/"):
        alphabet.rename(tmp_path / alphabet.name)
    assert len(sources.read(tmp_path).packed) == 32_460


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


# ------------------------------------------------------------------ layouts

ZIPS = ("images_background", "images_evaluation")


def spread(folder: Path, change: Callable[[str], str] = str) -> Path:
    """The images as files, each at its changed path."""
    for content in members().values():
        for path, data in content.items():
            file = folder / change(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    return folder


def renamed(folder: Path, change: Callable[[str], str]) -> Path:
    """The archives, each image at its changed path."""
    changed = {
        archive: {change(path): data for path, data in content.items()}
        for archive, content in members().items()
    }
    return zipped(folder, changed)


def without_top(path: str) -> str:
    return path.split("/", 1)[1]


def nested(path: str) -> str:
    return f"{path.split('/')[0]}/{path}"


def with_litter(folder: Path) -> Path:
    spread(folder)
    for image in list(folder.rglob("*.png"))[::2]:
        image.with_name(f"._{image.name}").write_bytes(b"\0\5\x16\7")
        image.with_name(".DS_Store").write_bytes(b"x")
        beside = folder / "images_background/__MACOSX" / image.relative_to(folder)
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(b"x")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "Thumbs.db").write_bytes(b"x")
    return folder


def zips_with_litter(folder: Path) -> Path:
    files = members()
    for content in files.values():
        path = next(iter(content))
        beside = f"{Path(path).parent}/._{Path(path).name}"
        content |= {beside: b"x", f"__MACOSX/{beside}": b"x", f"__MACOSX/{path}": b"x"}
        content["./"] = b""
    return zipped(folder, files)


def linked(folder: Path) -> Path:
    spread(folder / "elsewhere")
    (folder / "here/images_evaluation").mkdir(parents=True)
    (folder / "here/images_background").symlink_to(folder / "elsewhere/images_background")
    for alphabet in (folder / "elsewhere/images_evaluation").iterdir():
        (folder / "here/images_evaluation" / alphabet.name).symlink_to(alphabet)
    # a link that leads to a folder above it
    (folder / "here/images_evaluation/again").symlink_to(folder / "here/images_evaluation")
    return folder / "here"


def torchvisions(folder: Path) -> Path:
    """Its root: archives and what was extracted from them, a folder below."""
    zipped(folder / "omniglot-py")
    spread(folder / "omniglot-py")
    return folder


def repositorys(folder: Path) -> Path:
    """The images of the one-shot runs are no drawings of the sets."""
    zipped(folder / "python")
    with zipfile.ZipFile(folder / "python/images_background_small1.zip", "w") as small:
        for path, data in members()["images_background"].items():
            small.writestr(path.replace("background", "background_small1"), data)
    run = folder / "python/one-shot-classification/run01/test/item01.png"
    run.parent.mkdir(parents=True)
    run.write_bytes(b"another picture")
    return folder


def one_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for content in members().values():
            for path, data in content.items():
                archive.writestr(nested(path), data)
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "extracted": spread,
    "nested": lambda folder: spread(folder, nested),
    "nested zips": lambda folder: renamed(folder, nested),
    "no top folder": lambda folder: renamed(folder, without_top),
    "dots": lambda folder: renamed(folder, lambda path: f"./{path}"),
    "backslashes": lambda folder: renamed(folder, lambda path: path.replace("/", "\\")),
    "deep": lambda folder: renamed(folder, lambda path: f"data/omniglot/python/{path}"),
    "merged": lambda folder: spread(folder, without_top),
    "upper case": lambda folder: spread(folder, lambda path: path.replace(".png", ".PNG")),
    "one zip, extracted as well": lambda folder: one_zip(spread(folder, nested)),
    "one zip": one_zip,
    "litter": with_litter,
    "litter in zips": zips_with_litter,
    "links": linked,
    "torchvision": torchvisions,
    "the repository": repositorys,
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageBank, str]:
    """The bank of the archives as they are, and the digest that the reader names."""
    folder = zipped(tmp_path_factory.mktemp("plain"))
    digest = hashlib.sha256()
    images = {without_top(p): png for content in members().values() for p, png in content.items()}
    for path in sorted(images):
        ink = ~np.asarray(Image.open(io.BytesIO(images[path])))
        digest.update(path.encode() + b"\0" + np.packbits(ink).tobytes())
    return sources.read(folder, TINY), digest.hexdigest()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_images_are_the_same_in_every_layout(
    tmp_path: Path, plain: tuple[ImageBank, str], layout: str
) -> None:
    known = replace(TINY, digest=plain[1])
    bank = sources.read(LAYOUTS[layout](tmp_path), known)
    for name, values in plain[0].to_arrays().items():
        assert np.array_equal(bank.to_arrays()[name], values), name


def test_one_pixel_makes_another_set(tmp_path: Path, plain: tuple[ImageBank, str]) -> None:
    files = members()
    path, data = next(iter(files["images_evaluation"].items()))
    ink = ~np.asarray(Image.open(io.BytesIO(data)))
    ink[50, 50] ^= True
    files["images_evaluation"][path] = png(ink)
    with pytest.raises(InnerlrError, match="pixels are not those of Omniglot"):
        sources.read(zipped(tmp_path, files), replace(TINY, digest=plain[1]))


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    spread(tmp_path)
    spread(tmp_path, nested)
    path, data = next(iter(members()["images_background"].items()))
    (tmp_path / nested(path)).write_bytes(png(np.ones((SIDE, SIDE), dtype=bool)))
    with pytest.raises(InnerlrError, match="another image than"):
        sources.read(tmp_path, TINY)
    (tmp_path / nested(path)).write_bytes(data)
    assert len(sources.read(tmp_path, TINY).packed) == 15


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

LONG, MEGABYTE = 200, 1 << 20


class Server(SimpleHTTPRequestHandler):
    """Serves a folder, understands Range, and breaks off `cut` answers half-way.

    If `endless`, an answer has no length and goes on for long.
    """

    cut = 0
    asked: tuple[str | None, ...] = ()
    endless = False
    sent = 0

    def do_GET(self) -> None:
        data = Path(self.translate_path(self.path)).read_bytes()
        ranged = self.headers.get("Range")
        type(self).asked = (*self.asked, ranged)
        start = int(ranged.removeprefix("bytes=").removesuffix("-")) if ranged else 0
        self.send_response(206 if ranged else 200)
        if not self.endless:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        for _ in range(LONG if self.endless else 0):
            try:
                self.wfile.write(bytes(MEGABYTE))
            except OSError:
                break
            type(self).sent += 1
        end = len(data)
        if self.cut:
            type(self).cut -= 1
            end = (start + len(data)) // 2
        self.wfile.write(data[start:end])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, dict[str, Archive]]]:
    """Its address, and what it has."""
    folder = zipped(tmp_path / "served")
    Server.cut, Server.asked, Server.endless, Server.sent = 0, (), False, 0
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(folder)))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    archives = {
        path.stem: Archive(hashlib.md5(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in sorted(folder.iterdir())
    }
    yield f"http://127.0.0.1:{made.server_port}/", archives
    made.shutdown()
    made.server_close()


def held(cache: Path) -> list[str]:
    """The files of a cache but for the lock."""
    return sorted(path.name for path in cache.iterdir() if path.name != ".download.lock")


def test_the_download_is_checked_and_cached(server: tuple, tmp_path: Path) -> None:
    url, archives = server
    folder = download(tmp_path / "cache", base_url=url, archives=archives)
    assert len(sources.read(folder, TINY).packed) == 15
    download(tmp_path / "cache", base_url=url, archives=archives)
    assert len(Server.asked) == 2  # one request an archive, none the second time


def test_a_download_that_broke_off_goes_on(
    server: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, archives = server
    monkeypatch.setattr(downloads, "_BLOCK", 128)
    Server.cut = 1
    with pytest.raises(InnerlrError, match="cannot be had"):
        download(tmp_path / "cache", base_url=url, archives=archives)
    (part,) = held(tmp_path / "cache")
    have = (tmp_path / "cache" / part).stat().st_size
    assert have > 0
    folder = download(tmp_path / "cache", base_url=url, archives=archives)
    assert Server.asked[1] == f"bytes={have}-"
    assert len(sources.read(folder, TINY).packed) == 15
    assert held(folder) == [f"{name}.zip" for name in archives]


def test_several_downloads_into_one_cache_are_one(server: tuple, tmp_path: Path) -> None:
    url, archives = server
    fetch = partial(download, tmp_path / "cache", base_url=url, archives=archives)
    with ThreadPoolExecutor(4) as pool:
        folders = [made.result() for made in [pool.submit(fetch) for _ in range(4)]]
    assert len(Server.asked) == len(archives)
    assert len(sources.read(folders[0], TINY).packed) == 15
    assert held(folders[0]) == [f"{name}.zip" for name in archives]


@pytest.mark.parametrize("excess", [-10, 0, 10])
def test_a_part_of_another_file_is_fetched_once_more_from_zero(
    server: tuple, tmp_path: Path, excess: int
) -> None:
    url, archives = server
    part = tmp_path / "cache/images_background.zip.part"
    part.parent.mkdir()
    part.write_bytes(bytes(archives["images_background"].size + excess))
    folder = download(tmp_path / "cache", base_url=url, archives=archives)
    assert Server.asked[-2:] == (None, None)
    assert len(sources.read(folder, TINY).packed) == 15


def test_a_download_with_another_checksum_is_refused(server: tuple, tmp_path: Path) -> None:
    url, archives = server
    wrong = {name: replace(archive, md5="0" * 32) for name, archive in archives.items()}
    with pytest.raises(InnerlrError, match=r"images_background\.zip cannot be had"):
        download(tmp_path / "cache", base_url=url, archives=wrong)
    assert Server.asked == (None, None)  # once more, and no third time
    assert not held(tmp_path / "cache")


def test_a_server_that_sends_without_end_is_not_listened_to(server: tuple, tmp_path: Path) -> None:
    url, archives = server
    Server.endless = True
    with pytest.raises(InnerlrError, match=r"longer than the \d+ bytes it should have"):
        download(tmp_path / "cache", base_url=url, archives=archives)
    assert Server.sent < LONG / 2  # what the sockets hold, twice
    assert not held(tmp_path / "cache")


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


def first(files: dict) -> tuple[dict, str]:
    content = files["images_evaluation"]
    return content, next(iter(content))


def as_gif(files: dict) -> None:
    """Only PNG is opened: Pillow reads many formats, and each is a door."""
    content, path = first(files)
    stream = io.BytesIO()
    Image.open(io.BytesIO(content[path])).save(stream, "gif")
    content[path] = stream.getvalue()


def with_text(files: dict) -> None:
    """A compressed text of 3 MB within the image."""
    content, path = first(files)
    body = b"zTXt" + b"a\0\0" + zlib.compress(bytes(3_000_000))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    content[path] = content[path][:33] + chunk + content[path][33:]


def widen(files: dict) -> None:
    content, path = first(files)
    content[path] = png(np.zeros((5_000, 5_000), dtype=bool))


def inflate(files: dict) -> None:
    content, path = first(files)
    content[path] = bytes(50_000_000)


def foreign(files: dict) -> None:
    content, path = first(files)
    content[path.replace("/C/", "/Klingon/")] = content[path]


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
        (garble, ["0001_01.png: not an image in PNG format"]),
        (as_gif, ["0001_01.png: not an image in PNG format"]),
        (with_text, ["0001_01.png: not an image in PNG format", "TEXT_CHUNK"]),
        (widen, ["0001_01.png", "105 x 105", "5000 x 5000"]),
        (inflate, ["0001_01.png: 50000000 bytes", "65536"]),
        (foreign, ["unknown alphabet 'Klingon'"]),
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


def test_what_an_archive_says_of_its_size_is_looked_at_before_it_is_unpacked(
    tmp_path: Path,
) -> None:
    folder = zipped(tmp_path, broken(inflate), zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(InnerlrError, match="50000000 bytes"):
        sources.read(folder, TINY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("lie", [1, 1000])
def test_an_archive_that_hides_its_size_is_not_unpacked_beyond_what_it_says(
    tmp_path: Path, lie: int
) -> None:
    folder = zipped(tmp_path, broken(inflate), zipfile.ZIP_DEFLATED)
    archive = folder / "images_evaluation.zip"
    real, said = struct.pack("<I", 50_000_000), struct.pack("<I", lie)
    archive.write_bytes(archive.read_bytes().replace(real, said))
    tracemalloc.start()
    with pytest.raises(InnerlrError, match=r"not a whole zip archive.*CRC"):
        sources.read(folder, TINY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_deflate_is_unpacked(tmp_path: Path, method: int) -> None:
    with pytest.raises(InnerlrError, match="another method than deflate"):
        sources.read(zipped(tmp_path, method=method), TINY)


def test_an_encrypted_archive_is_named(tmp_path: Path) -> None:
    archive = zipped(tmp_path) / "images_evaluation.zip"
    data = bytearray(archive.read_bytes())
    at = data.find(b"PK\1\2")
    data[at + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(InnerlrError, match=r"images_evaluation\.zip.*is encrypted"):
        sources.read(tmp_path, TINY)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], np.ndarray]:
    """Small ones, deflated, and their images."""
    small = {archive: dict(list(content.items())[:3]) for archive, content in members().items()}
    folder = zipped(tmp_path_factory.mktemp("small"), small, zipfile.ZIP_DEFLATED)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    return content, sources.read(folder, SMALL).packed


SMALL = sources.Contents({"images_background": {"A": 1}, "images_evaluation": {"C": 1}}, drawers=3)


@settings(max_examples=200)
@given(st.data())
def test_no_damage_of_an_archive_is_a_traceback_or_another_image(
    archives: tuple[dict[str, bytes], np.ndarray], data: st.DataObject
) -> None:
    """A byte changed, with most of the changes where the archive says what it holds; or a cut."""
    files, images = archives
    content = bytearray(files["images_evaluation.zip"])
    start = data.draw(st.sampled_from([0, content.find(b"PK\1\2"), content.find(b"PK\5\6")]))
    at = data.draw(st.integers(start, len(content) - 1))
    change = data.draw(st.integers(0, 255))
    content[at] ^= change
    if change == 0:
        del content[at:]
    with tempfile.TemporaryDirectory() as name:
        for file, whole in files.items():
            (Path(name) / file).write_bytes(content if "evaluation" in file else whole)
        try:
            after = sources.read(name, SMALL)
        except InnerlrError as error:
            said = str(error)
        else:
            said = name if np.array_equal(after.packed, images) else "other images"
        assert name in said


IMAGE = next(iter(members()["images_background"].values()))


@settings(max_examples=300)
@given(st.data())
def test_no_damage_of_an_image_is_a_traceback(data: st.DataObject) -> None:
    content = bytearray(IMAGE)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InnerlrError):
        assert len(sources._ink(bytes(content), "here.png")) == -(-SIDE * SIDE // 8)


def test_a_folder_that_holds_far_too_much_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread(tmp_path, without_top)
    monkeypatch.setattr(layouts, "_MOST_FILES", 10)
    with pytest.raises(InnerlrError, match=r"holds more than 10 files.*OMNIGLOT_DIR"):
        sources.read(tmp_path, TINY)
    monkeypatch.setattr(layouts, "_MOST_FILES", 8)
    with pytest.raises(InnerlrError, match=r"images_background\.zip: 9 files, too many"):
        sources.read(zipped(tmp_path), TINY)
    monkeypatch.setattr(layouts, "_MOST_OF_ZIP", 100)
    with pytest.raises(InnerlrError, match=r"images_background\.zip: \d+ bytes, too many"):
        sources.read(tmp_path, TINY)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    image = next(spread(tmp_path).rglob("*.png"))
    for other in (os.mkfifo, lambda path: os.symlink("nowhere", path)):
        image.unlink()
        other(image)
        with pytest.raises(InnerlrError, match=f"{image.name}: (expected a file|cannot be read)"):
            sources.read(tmp_path, TINY)


def test_half_of_the_set_and_a_file_for_a_folder_are_named(tmp_path: Path) -> None:
    zipped(tmp_path)
    with pytest.raises(InnerlrError, match="a file, not a folder"):
        sources.read(tmp_path / "images_background.zip", TINY)
    (tmp_path / "images_evaluation.zip").unlink()
    with pytest.raises(InnerlrError, match=r"neither images_evaluation\.zip nor"):
        sources.read(tmp_path, TINY)
    spread(tmp_path / "out")
    with pytest.raises(InnerlrError, match="images_evaluation: holds no image"):
        sources.read(tmp_path / "out/images_background", TINY)


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
    with pytest.raises(InnerlrError, match=r"15 shots \+ 6 query_shots .* has 20 images"):
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
