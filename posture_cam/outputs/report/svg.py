"""Matplotlib figures as inline SVG: colours from the page's style sheet, words as text, nothing to fetch.

Charts are drawn in stand-in colours, which become classes here.  One drawing therefore serves light, dark
and print, and contains no inline style that a strict content security policy would refuse.
"""

from __future__ import annotations

import io
import re
from threading import Lock
from xml.etree import ElementTree as ET

from matplotlib import rc_context
from matplotlib.figure import Figure

from posture_cam.ids import State

# Stand-in colours by name; the page's style sheet knows each as .f-NAME (fill) and .s-NAME (stroke).
INK, MUTED, GRID, NECK, TRUNK = "#010101", "#020202", "#030303", "#040404", "#050505"
BAND_GOOD, BAND_FAIR, BAND_POOR = "#060606", "#070707", "#080808"
STATE_INKS = {
    State.GOOD: "#110101",
    State.FAIR: "#110202",
    State.POOR: "#110303",
    State.AWAY: "#110404",
    State.UNJUDGED: "#110505",
}
_NAMES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    NECK: "neck",
    TRUNK: "trunk",
    BAND_GOOD: "band-good",
    BAND_FAIR: "band-fair",
    BAND_POOR: "band-poor",
    **{colour: state.value for state, colour in STATE_INKS.items()},
}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
# matplotlib's settings belong to the whole process, and the dashboard draws in several threads.
_DRAWING = Lock()
_FONT_SIZE = re.compile(r"(\d+(?:\.\d+)?)px")
_DROPPED = {"font", "font-family", "font-weight", "font-style", "font-variant", "font-stretch"}


def inline_svg(figure: Figure, key: str, title: str, description: str, css_class: str = "") -> str:
    """A figure as an `svg` element that can stand in a page beside others.

    Args:
        figure: Drawn in the colours above.
        key: Unique for each figure of a page.
        title: What it shows, for those who cannot see it.
        description: What can be seen in it.
        css_class: The class of the element.
    """
    written = io.StringIO()
    with _DRAWING, rc_context({"svg.fonttype": "none", "svg.hashsalt": key}):
        empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", metadata=empty, transparent=True)
    root = ET.fromstring(written.getvalue())
    for child in list(root):
        if child.tag == f"{{{_SVG}}}metadata":
            root.remove(child)
    _clean(root, key)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-description")
    root.set("class", css_class)
    for number, (tag, words) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{key}-{'title' if number == 0 else 'description'}"})
        element.text = words
        root.insert(number, element)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def _clean(root: ET.Element, key: str) -> None:
    used = {
        match
        for element in root.iter()
        for value in element.attrib.values()
        for match in re.findall(r"(?:url\(#|^#)([\w-]+)", value)
    }
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}style" or (child.tag == f"{{{_SVG}}}defs" and not _holds(child)):
                parent.remove(child)
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name == "id":
                if value in used:
                    element.set("id", f"{key}-{value}")
                else:
                    del element.attrib["id"]
            elif name == "style":
                del element.attrib["style"]
                _unstyle(element, value)
            elif name in ("d", "points", "x", "y", "transform"):
                element.set(name, _LONG_NUMBER.sub(_short, value).replace("\n", " ").strip())
        for name, value in list(element.attrib.items()):
            element.set(name, re.sub(r"(url\(#|^#)([\w-]+)", rf"\g<1>{key}-\g<2>", value))


def _holds(defs: ET.Element) -> bool:
    return any(child.tag != f"{{{_SVG}}}style" for child in defs)


def _unstyle(element: ET.Element, style: str) -> None:
    """Replace a style by presentation attributes and classes."""
    classes = []
    for part in style.split(";"):
        name, _, value = (one.strip() for one in part.partition(":"))
        if name in ("fill", "stroke") and value in _NAMES:
            classes.append(f"{name[0]}-{_NAMES[value]}")
        elif name in ("font", "font-size") and (match := _FONT_SIZE.search(value)):
            element.set("font-size", match[1])
        elif name and name not in _DROPPED:
            element.set(name, value)
    if element.tag == f"{{{_SVG}}}text" and not any(one.startswith("f-") for one in classes):
        classes.append("f-ink")
    if classes:
        element.set("class", " ".join(classes))


def _short(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".replace("-0.0", "0").removesuffix(".0")
