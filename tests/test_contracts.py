"""The architecture and the packaging keep their promises."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.conftest import ROOT


def test_the_stages_are_siblings() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 kept, 0 broken" in done.stdout


def test_every_module_and_every_public_name_is_documented() -> None:
    import ast

    for path in (ROOT / "posture_cam").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree) or (path.name == "__init__.py" and not tree.body), path


def test_every_dependency_has_a_lower_and_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in project["dependencies"]:
        assert ">=" in requirement, requirement
        assert "<" in requirement, requirement


def test_no_file_names_a_package_registry_or_a_path_of_this_machine() -> None:
    needles = [
        "files.python" + "hosted",
        "pypi" + ".org/simple",
        "registry.npm" + "js",
        str(ROOT),
        str(Path.home()),
    ]
    binary = {".npz", ".gz", ".mp4", ".task", ".jpg", ".png", ".csv", ".pyc", ".db"}
    looked_at = 0
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        is_made = parts[-1] == "uv.lock" or (
            parts[0].startswith(".") and parts[0] not in {".ci", ".gitignore"}
        )
        if is_made or not path.is_file() or path.suffix in binary:
            continue
        looked_at += 1
        content = path.read_text("utf-8")
        for needle in needles:
            assert needle not in content, (path, needle)
    assert looked_at > 50
