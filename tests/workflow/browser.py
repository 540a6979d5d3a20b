"""A headless Chromium for the tests, and what a page must not do in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}

# Links of a page to a place in it that does not exist.
DEAD_ANCHORS = """() => [...document.querySelectorAll('a[href^="#"]')]
    .map(a => decodeURIComponent(a.getAttribute('href').slice(1)))
    .filter(name => name && !document.getElementById(name))"""
LOCAL_LINKS = """() => [...document.querySelectorAll('a[href]')]
    .map(a => a.href.split('#')[0]).filter(href => href.startsWith('file:'))"""
BROKEN_IMAGES = """() => Promise.all([...document.images].map(
    image => image.decode().then(() => image.naturalWidth ? '' : image.src.slice(0, 80),
                                 () => image.src.slice(0, 80))
)).then(found => found.filter(Boolean))"""
# What sticks out to the right with nothing around it that scrolls.
HIDDEN = """() => [...document.body.querySelectorAll('*')].filter(node => {
    const box = node.getBoundingClientRect()
    if (!box.width || box.right <= document.documentElement.clientWidth + 1) return false
    for (let up = node; up; up = up.parentElement)
        if (/auto|scroll/.test(getComputedStyle(up).overflowX)) return false
    return true
}).map(node => node.outerHTML.slice(0, 120))"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium; without one the test is skipped, and fails where CI is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = "needs Chromium: apt-get install --no-install-recommends chromium"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, size: tuple[int, int]) -> Iterator[Page]:
    """A page that may log no error and ask for nothing from outside while it is open."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    problems: list[str] = []
    page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            asked.url.startswith(("file:", "data:", "blob:"))
            or problems.append(f"asks for {asked.url}")
        ),
    )
    page.goto(path.resolve().as_uri())
    yield page
    page.close()
    assert problems == []


def assert_readable(page: Page | Frame) -> None:
    """Every image is shown, nothing hides beyond the right edge, no link leads nowhere."""
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.evaluate(HIDDEN) == []
    assert page.evaluate(DEAD_ANCHORS) == []
    for link in page.evaluate(LOCAL_LINKS):
        assert Path(link.removeprefix("file://")).exists(), link
