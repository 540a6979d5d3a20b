"""Refuse turns of phrase that a reader has to untangle.

    python tools/words.py

Looks at what git tracks, without the committed results. It finds the commonest patterns only: prose
is read by people.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = {
    r"\bof which\b": "start a new sentence",
    r"\bone a (?!half\b)": "say `one for each`",
    r"\b(?:is|as|or|and|than|from|by|with|to) that of\b": "name the thing again",
    r"\bas given\b": "say who gives it, or where it stands",
}
# a comment that begins so has no subject
FRAGMENT = re.compile(r"^#\s*(?:of|that of|those of|as for|as of)\b", re.IGNORECASE)
KINDS = {".py", ".md", ".rst", ".yaml", ".yml", ".smk", ".ipynb", ".toml"}
EXCLUDED = ("results/", "tools/words.py", "CHANGELOG.md", "tests/")


def tracked() -> list[Path]:
    """Files of the project whose words are looked at."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    return [
        ROOT / name
        for name in listed
        if Path(name).suffix in KINDS and not name.startswith(EXCLUDED) and (ROOT / name).is_file()
    ]


def complaints(text: str, suffix: str) -> Iterator[tuple[int, str]]:
    """Line numbers and what is wrong there."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in PATTERNS.items():
            if found := re.search(pattern, line):
                yield number, f"{found[0].strip()!r}: {instead}"
    if suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and FRAGMENT.match(token.string):
                yield token.start[0], f"{token.string[:40]!r}: begin with a subject"


def main() -> int:
    found = 0
    for path in tracked():
        text = path.read_text(encoding="utf-8")
        for number, what in complaints(text, path.suffix):
            print(f"{path.relative_to(ROOT)}:{number}: {what}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
