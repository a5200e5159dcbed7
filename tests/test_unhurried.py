"""Modules that are loaded on first use; each is tested in its own process, as modules load only once."""

from __future__ import annotations

import subprocess
import sys


def told_by(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.splitlines()


def test_the_landmarker_loads_no_charts_and_mediapipe_can_still_draw_them() -> None:
    assert told_by(
        "import sys\n"
        "import posture_cam.pose.landmarker\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'matplotlib'])\n"
        "from mediapipe.tasks.python.vision import drawing_utils\n"
        "from matplotlib import pyplot\n"
        "print(drawing_utils.plt.figure is pyplot.figure)\n"
    ) == ["[]", "True"]  # fmt: skip


def test_whoever_asks_meanwhile_gets_the_module_itself() -> None:
    assert told_by(
        "import sys\n"
        "from posture_cam.pose.lazy_modules import loaded_later\n"
        "with loaded_later('xml', 'xml.dom'):\n"
        "    import xml.dom as dom\n"
        "    print('xml.dom.minidom' in sys.modules, type(sys.modules['xml.dom']).__name__)\n"
        "    import xml.dom.minidom\n"
        "    print(xml.dom.minidom.parseString('<a/>').documentElement.tagName)\n"
        "import xml.dom\n"
        "print(dom.Node is xml.dom.Node, type(xml).__name__)\n"
    ) == ["False _Later", "a", "True module"]  # fmt: skip


def test_what_is_loaded_already_is_left_alone() -> None:
    assert told_by(
        "import sys, xml.dom\n"
        "from posture_cam.pose.lazy_modules import loaded_later\n"
        "before = xml.dom\n"
        "with loaded_later('xml', 'xml.dom'):\n"
        "    print(sys.modules['xml.dom'] is before)\n"
        "print(sys.modules['xml.dom'] is before)\n"
    ) == ["True", "True"]  # fmt: skip


def test_names_that_a_module_lacks_are_missed_as_ever() -> None:
    assert told_by(
        "from posture_cam.pose.lazy_modules import loaded_later\n"
        "with loaded_later('xml', 'xml.dom'):\n"
        "    import xml.dom as dom\n"
        "try: dom.nothing_of_that_name\n"
        "except AttributeError as error: print(error)\n"
    ) == ["module 'xml.dom' has no attribute 'nothing_of_that_name'"]  # fmt: skip
