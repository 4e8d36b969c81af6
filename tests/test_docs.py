"""The documentation: it builds without a warning and needs no network, and what it shows as code can be run."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch

import dataaudit
from dataaudit.cli import cli
from dataaudit.config import Options

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bdataaudit (?=[a-z]).*")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)[^>]* (?:src|href)="?(?:https?:)?//""")


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "latex2mathml"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_builds_with_warnings_as_errors_and_has_what_is_made_from_the_code(site: Path) -> None:
    pages = {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert not [name for name, page in pages.items() if "generated:" in page or "arithmatex" in page]
    assert "How it is checked" in pages["checks/leakage.html"]
    assert "--min-trust-lds" in pages["reference/commands.html"]
    assert "knn_shapley" in pages["guides/attribution.html"]
    assert "The default image learner" in pages["benchmarks/index.html"]


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    assert not [page for page in site.rglob("*.html") if ELSEWHERE.search(page.read_text(encoding="utf-8"))]


def test_the_site_is_searched_and_fits_a_phone_where_it_is_opened_as_files(site: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    for name in ("how-it-works", "architecture", "reference/commands", "reference/python", "benchmarks/index"):
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.goto((site / "index.html").as_uri())
    page.locator("label[for=__search]").first.click()
    page.locator("input[name=query]").press_sequentially("noise ceiling")
    page.locator(".md-search-result__link").first.wait_for()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_that_there_are(page: Path) -> None:
    """In the repository, as it is read there; the build checks those of the site, with their anchors."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_compiles_and_audits_have_options_that_there_are(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "dataaudit.audit":
                assert {keyword.arg for keyword in node.keywords} <= Options.__annotations__.keys(), block


def test_the_example_of_outputs_per_token_runs() -> None:
    (block,) = [body for body in blocks(ROOT / "docs" / "guides" / "attribution.md", "python") if "def loss" in body]
    torch.manual_seed(0)
    x, tags = torch.randint(0, 11, (24, 6)), torch.randint(0, 3, (24, 6))
    tags[:, 4:] = -100
    model = torch.nn.Sequential(torch.nn.Embedding(11, 4), torch.nn.Linear(4, 3)).eval()
    names: dict[str, Any] = {"dataaudit": dataaudit, "model": model, "x": x[:20], "tags": tags[:20]}
    names |= {"x_test": x[20:], "tags_test": tags[20:]}
    exec(block, names)
    of_texts, of_tokens = names["texts"].scores(), names["tokens"].scores()
    assert (of_texts.shape, of_tokens.shape) == ((20, 4), (20, 6))
    np.testing.assert_allclose(of_tokens.sum(1), of_texts[:, 0], rtol=1e-3, atol=1e-5)
    assert not of_tokens[:, 4:].any()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_have_options_and_arguments_that_there_are(page: Path) -> None:
    assert not re.search("^    dataaudit ", page.read_text(encoding="utf-8"), re.MULTILINE), "fence commands as sh"
    for block in blocks(page, "sh", "yaml"):
        for line in COMMAND.findall(block):
            _, name, *words = shlex.split(line, comments=True)
            command = cli.commands[name]
            command.make_parser(click.Context(command)).parse_args(words)


def test_public_members_without_a_docstring_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    described = importlib.import_module("generated").described
    assert described(test_links_lead_to_files_that_there_are, "links").startswith("In the repository")
    with pytest.raises(ValueError, match=r"dataaudit\.nothing is public: expected a docstring"):
        described(name_of, "dataaudit.nothing")
