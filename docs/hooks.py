"""The site's build: pages made from the code, files of the repository as pages, formulas as MathML."""

import html
import posixpath
import re
from pathlib import Path

import generated
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FROM_REPOSITORY = (
    "CHANGELOG.md",
    "LICENSE",
    "action.yml",
    "benchmarks/README.md",
    "benchmarks/attribution/README.md",
    "benchmarks/attribution/scale.png",
    "dataaudit/reporting/exports/audit.schema.json",
    "examples/README.md",
    "examples/audit.ipynb",
    "examples/dvc/dvc.yaml",
    "examples/dvc/params.yaml",
    "examples/hugging_face_text.py",
    "examples/mlflow_logging.py",
    "examples/torch_module.py",
    "sample_data/README.md",
)
"""Files that are part of the site where they lie in the repository."""
LINK = re.compile(r"(?<=\]\()(\.\./[^)#\s]+)")
MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
NO_HEADINGS = re.compile(r"<thead>\s*<tr>\s*(<th></th>\s*)+</tr>\s*</thead>")


def on_config(config: MkDocsConfig) -> None:
    """A page for every check stands in the navigation."""
    (checks,) = (entry["Checks"] for entry in config.nav if "Checks" in entry)
    checks += [f"checks/{name}.md" for name in generated.checks()]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages of checks, and the files of the repository."""
    for name, content in generated.checks().items():
        files.append(File.generated(config, f"checks/{name}.md", content=content))
    for name in FROM_REPOSITORY:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is made from the code; links between docs/ and the repository hold in the site, too."""
    markdown = MARK.sub(lambda mark: getattr(generated, mark[1])(), markdown)
    source = page.file.src_uri
    folder = posixpath.dirname(source if source in FROM_REPOSITORY else f"docs/{source}")

    def within_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1])).removeprefix("docs/")
        return posixpath.relpath(target, posixpath.dirname(source) or ".")

    return LINK.sub(within_site, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Formulas are MathML, which browsers show without a script; tables have no empty headings."""
    content = FORMULA.sub(_mathml, content)
    return NO_HEADINGS.sub("", content).replace("<th></th>", "<td></td>")


def _mathml(formula: re.Match[str]) -> str:
    latex = html.unescape(formula[2])
    if formula[1] == "span":
        return convert(latex)
    return f'<div class="formula" tabindex="0">{convert(latex, display="block")}</div>'
