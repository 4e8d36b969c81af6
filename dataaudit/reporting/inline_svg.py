"""A drawing of matplotlib as inline SVG: part of the page, in its colours, and smaller."""

import re
import unicodedata
from xml.etree import ElementTree

INK, SOFT, LINE = "#010101", "#020202", "#030303"
BLUE, FAIL, PASS, OPEN, CARD = "#040404", "#050505", "#060606", "#070707", "#080808"
VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", BLUE: "blue", FAIL: "fail", PASS: "pass", OPEN: "open",
             CARD: "card"}  # fmt: skip
"""Placeholder colours that charts are drawn in, and the page's variables that take their place."""
NAMESPACE = "{http://www.w3.org/2000/svg}"


def inline(drawing: str, name: str, title: str, size: tuple[int, int]) -> str:
    """The drawing as part of a page: no style that leaks, no size in points, ids of its own, the page's colours."""
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', drawing))
    root = ElementTree.fromstring(drawing)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag.rpartition("}")[2] in ("metadata", "style")]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
        attributes = element.attrib
        if attributes.get("id") not in used:
            attributes.pop("id", None)
        for key, value in list(attributes.items()):
            if key == "id":
                attributes[key] = f"{name}-{value}"
            elif key.endswith("}href"):
                attributes["href"] = f"#{name}-{attributes.pop(key)[1:]}"
            elif key == "style":
                attributes[key] = _restyled(value)
            elif key == "transform" and value.startswith("rotate(-0 "):
                attributes.pop(key)
            else:
                attributes[key] = _in_tenths(value.replace("url(#", f"url(#{name}-"))
    root.attrib.clear()
    root.attrib |= {"class": "chart", "role": "img", "aria-label": single_line(title), "id": name,
                    "width": str(size[0]), "height": str(size[1]), "viewBox": f"0 0 {size[0]} {size[1]}",
                    "stroke-linejoin": "round"}  # fmt: skip
    for element in root.iter():
        element.text = element.text if (element.text or "").strip() else None
        element.tail = None
    return ElementTree.tostring(root, encoding="unicode")


def _in_tenths(places: str) -> str:
    """Coordinates with one decimal; a line back to where it began is a dot."""
    places = re.sub(
        r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), " ".join(places.split())
    )
    return re.sub(r"M (\S+) (\S+) L \1 \2(?= |$)", r"M\1 \2h0", places).replace("h0 M", "h0M")


def _restyled(style: str) -> str:
    for sentinel, variable in VARIABLES.items():
        style = style.replace(sentinel, f"var(--{variable})")
    return style.replace("'DejaVu Sans'", "system-ui, sans-serif")


def single_line(text: str) -> str:
    """Text that XML can hold, on one line."""
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else "�" for c in " ".join(text.split()))
