"""Charts: well-formed, the same each time, in the page's colours, whatever the data and its words are."""

import logging
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from dataaudit.reporting import inline_svg, plots

NAN = float("nan")
HOSTILE = [
    "$x$", r"$\frac{", "<script>alert(1)</script>", "a & b", '" onload="alert(1)', "]]>", "{{ 7 * 7 }}", "\x00\x1b[31m",
    "\ud800", "\u202egnp.exe", "مرحبا", "漢字", "e\u0301\u0301\u0301", "👩‍👩‍👧", "x" * 5000, "_hidden", "", "\ufffe",
    "two\nlines", "url(https://example.org/x)", "#010101",
]  # fmt: skip


def drawn(name: str = "chart", word: str = "word", count: int = 3000) -> dict[str, str]:
    """One of each function, with this word wherever words go."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=count)
    y = x + rng.normal(size=count)
    return {
        "trust_meter": plots.trust_meter(name, word, 0.41, 0.3, 0.5, 0.6),
        "shares": plots.shares(name, word, [(word, 3, 4), ("other", 0, 9)]),
        "intervals": plots.intervals(
            name, word, [(word, 1.0, (0.5, 1.5), [0.1, 0.2]), ("b", -1.0, (-2.0, 0.0), [])], word
        ),
        "histogram": plots.histogram(name, word, x, word, [(0, word), (1, "one")], log=True),
        "bars": plots.bars(name, word, [word, "b"], [3, 4], word),
        "scatter": plots.scatter(name, word, x, y, word, word, identity=True),
        "curve": plots.curve(name, word, [0, 1, 5], {word: [3, 2, -1], "r": ([0, 5], [3, 2.5])}, word, word),
    }


charts = cache(drawn)
again = cache(partial(drawn, "one"))
EACH = ["trust_meter", "shares", "intervals", "histogram", "bars", "scatter", "curve"]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


def ids(svg: str) -> list[str]:
    return re.findall(r'\sid="([^"]*)"', svg)


def test_each_kind_is_drawn() -> None:
    assert list(charts()) == EACH


@pytest.mark.parametrize("each", EACH)
def test_a_chart_is_a_small_picture_with_a_name_and_without_anything_foreign(each: str) -> None:
    svg = charts(word="a <b> & c")[each]
    root = ElementTree.fromstring(svg)
    assert (root.tag, root.get("role"), root.get("aria-label")) == ("svg", "img", "a <b> & c")
    assert len(svg) < 25_000
    assert svg.startswith("<svg ")
    kinds = {element.tag for element in root.iter()}
    assert kinds <= {"svg", "g", "defs", "clipPath", "path", "rect", "text", "use"}
    assert not re.search(r"https?:|file:|@import|matplotlib|<style|/home|/tmp|20\d\d-\d\d", svg)
    assert "system-ui" in svg


@pytest.mark.parametrize("each", EACH)
def test_its_colours_are_the_pages_own(each: str) -> None:
    svg = charts()[each]
    assert not re.search(r"#[0-9a-f]{3,8}\b(?!\))", re.sub(r"url\(#[^)]*\)", "", svg))
    assert not re.search(r"(fill|stroke|color)[:=]\s*\"?(?!none|var\()[a-z]", svg)
    assert set(re.findall(r"var\(--(\w+)\)", svg)) <= set(inline_svg.VARIABLES.values())


@pytest.mark.parametrize("each", EACH)
def test_it_is_the_same_each_time_and_shares_no_id_with_another(each: str) -> None:
    one, other = charts("one")[each], charts("other")[each]
    assert one == again()[each]
    assert len(set(ids(one))) == len(ids(one)) > 0
    assert not set(ids(one)) & set(ids(other))
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", one)) <= set(ids(one))


@pytest.mark.parametrize("word", HOSTILE, ids=ascii)
def test_words_from_the_data_are_shown_and_nothing_else(word: str) -> None:
    for each, svg in charts(name=word, word=word, count=30).items():
        root, plain = ElementTree.fromstring(svg), ElementTree.fromstring(charts(count=30)[each])
        assert [one.tag for one in root.iter("text")] == [one.tag for one in plain.iter("text")] or not word
        assert not {key for one in root.iter() for key in one.attrib if key.startswith("on")}
        assert "<script" not in svg
        assert "https://example.org" not in re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", svg)
        assert max(map(len, texts(svg))) <= 60
    assert "$x$" in texts(charts(word="$x$", count=30)["bars"])


ODD: dict[str, Callable[[], str]] = {
    "no values": lambda: plots.histogram("n", "t", [], "x"),
    "only nan": lambda: plots.histogram("n", "t", [NAN, NAN], "x", [(NAN, "mark")]),
    "one value": lambda: plots.histogram("n", "t", [2.0] * 9, "x"),
    "infinite": lambda: plots.histogram("n", "t", [1.0, float("inf"), 3.0], "x", log=True),
    "huge": lambda: plots.histogram("n", "t", [1e300, -1e300, 0], "x"),
    "next to each other": lambda: plots.histogram("n", "t", [1.0, np.nextafter(1, 2)], "x"),
    "no bars": lambda: plots.bars("n", "t", [], [], "x"),
    "empty bars": lambda: plots.bars("n", "t", ["a", "b"], [0, NAN], "x"),
    "no rows": lambda: plots.shares("n", "t", []),
    "of none": lambda: plots.shares("n", "t", [("a", 0, 0)]),
    "many rows": lambda: plots.shares("n", "t", [(f"row {i}", i, 40) for i in range(40)]),
    "no intervals": lambda: plots.intervals("n", "t", [("a", NAN, (NAN, NAN), [])], "x"),
    "one point": lambda: plots.intervals("n", "t", [("a", 0.0, (0.0, 0.0), [0.0])], "x"),
    "no dots": lambda: plots.scatter("n", "t", [], [], "x", "y", identity=True),
    "one dot": lambda: plots.scatter("n", "t", [1], [1], "x", "y", identity=True),
    "nan dots": lambda: plots.scatter("n", "t", [NAN, 1], [1, NAN], "x", "y"),
    "no lines": lambda: plots.curve("n", "t", [0, 1], {}, "x", "y"),
    "nan line": lambda: plots.curve("n", "t", [0, 1], {"a": [NAN, NAN], "b": [1, NAN]}, "x", "y"),
    "no trust": lambda: plots.trust_meter("n", "t", NAN, NAN, NAN, None),
    "below guessing": lambda: plots.trust_meter("n", "t", -0.1, -0.3, 0.1, 0.0),
}


@pytest.mark.parametrize("each", ODD)
def test_odd_values_are_drawn_or_said_to_be_nothing(each: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = ODD[each]()
    assert ElementTree.fromstring(svg).tag == "svg"
    assert not re.search(r"\bnan\b|\binf\b", svg)
    empty = {
        "no intervals",
        "no values",
        "only nan",
        "no bars",
        "no rows",
        "of none",
        "no dots",
        "nan dots",
        "no lines",
        "no trust",
    }
    assert ("nothing to show" in texts(svg)) == (each in empty)


def test_what_is_said_is_what_was_given() -> None:
    assert {"0.41", "ceiling 0.60", "0 chance", "1 perfect"} == set(texts(charts()["trust_meter"]))
    crowded = plots.trust_meter("m", "t", 0.95, 0.94, 0.96, 1.0)
    assert {"0.95", "ceiling 1.00", "0 chance"} == set(texts(crowded))
    assert {"word", "3 of 4", "other", "0 of 9"} <= set(texts(charts()["shares"]))
    assert {"3", "4", "word", "b"} == set(texts(charts()["bars"]))
    assert charts()["scatter"].count("h0") == plots.MAX_DOTS
    assert {"word", "r"} <= set(texts(charts()["curve"]))
    assert len(texts(ODD["many rows"]())) == 2 * plots.MAX_ROWS + 5
    assert plots.correlation([1, 2, 3], [2, 4, 6]) == "+1.00"
    assert plots.correlation([1, 1], [2, 4]) == plots.correlation([], []) == "undefined"


def test_nothing_of_matplotlib_is_left_changed() -> None:
    before, level = dict(matplotlib.rcParams), logging.getLogger("matplotlib").level
    with matplotlib.rc_context({"font.size": 40, "text.usetex": True}):
        charted = drawn()
    assert charted == charts()
    assert dict(matplotlib.rcParams) == before
    assert logging.getLogger("matplotlib").level == level


def test_it_is_imported_late_and_is_silent_where_it_can_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"HOME": str(tmp_path / "file"), "MPLCONFIGDIR": str(tmp_path / "file" / "no")}
    code = """if True:
        import sys, dataaudit.reporting.plots as plots
        assert "matplotlib" not in sys.modules
        plots.bars("n", "t", ["漢字 $x$"], [1], "x")
    """
    environment = {**os.environ, **nowhere}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
