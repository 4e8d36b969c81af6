"""What is written in any dialect is read back: the same rows, types and classes."""

import csv
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import Dataset, silent


def examples(count: int) -> settings:
    """A fixed set of examples; a failing one is shown as it is, since making it smaller takes minutes."""
    return settings(
        max_examples=count, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


LETTERS = st.text(
    st.characters(codec="utf-8", categories=("L", "P", "S", "Zs"), exclude_characters="\ufeff"), max_size=12
)
NASTY = st.lists(
    st.one_of(LETTERS, st.sampled_from(['"', ",", ";", "\t", "\n", "\r\n", "'", "|", '""', " "])), max_size=6
)
SENTENCE = "a text of several words that goes on for a while"


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Rows of every type of column, with a label of words; the texts hold whatever separates elsewhere."""
    n = draw(st.integers(12, 30))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    ends = ["".join(pieces) for pieces in draw(st.lists(NASTY, min_size=6, max_size=6))]
    texts = [f"{SENTENCE} {row}{ends[row % 6]}" for row in range(n)]
    frame = pd.DataFrame(
        {
            "count": rng.integers(-(10**6), 10**6, n),
            "size": rng.normal(scale=10.0 ** draw(st.integers(0, 9)), size=n).round(5),
            "gappy": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n).round(6)),
            "seen": rng.random(n) < 0.5,
            "day": [f"2024-01-{1 + day:02}" for day in rng.integers(0, 28, n)],
            "colour": rng.choice(["red", "blue", "it's"], n),
            "text": texts,
            "label": draw(st.permutations(["yes", "no", "N/A or so"] * (n // 3) + ["yes"] * (n % 3))),
        }
    )
    frame.loc[0, "seen"], frame.loc[1, "seen"] = True, False
    return frame[draw(st.permutations(list(frame)))]


KINDS = {
    "count": "int64", "size": "float64", "gappy": "float64", "seen": "bool", "day": "datetime64", "colour": "category",
    "text": "object",
}  # fmt: skip


def read_back(name: str, content: bytes) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return load(AuditConfig(path), silent)


def require_same(dataset: Dataset, frame: pd.DataFrame) -> None:
    assert [int(id.partition("#")[2]) for id in dataset.ids] == list(range(len(frame)))
    assert [dataset.label(row) for row in range(len(dataset))] == frame["label"].tolist()
    assert list(dataset.frame) == [name for name in frame if name != "label"]
    assert {name: str(kind).split("[")[0] for name, kind in dataset.frame.dtypes.items()} == KINDS
    for name in ("count", "seen", "colour", "text"):
        assert dataset.frame[name].astype(object).tolist() == frame[name].tolist(), name
    for name in ("size", "gappy"):
        np.testing.assert_allclose(dataset.frame[name], frame[name], rtol=1e-12)
    assert dataset.frame["day"].dt.strftime("%Y-%m-%d").tolist() == frame["day"].tolist()


@examples(50)
@given(
    frames(), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.booleans(),
)  # fmt: skip
def test_text_in_any_dialect(
    frame: pd.DataFrame, separator: str, quoting: int, line_end: str, encoding: str, decimal_comma: bool
) -> None:
    text = frame.to_csv(
        index=False, sep=separator, quoting=quoting, lineterminator=line_end, decimal="," if decimal_comma else "."
    )
    name = "a.tsv" if separator == "\t" else "a.csv"
    require_same(read_back(name, text.encode(encoding)), frame)


@examples(20)
@given(frames())
def test_text_without_quotes(frame: pd.DataFrame) -> None:
    frame = frame.assign(text=frame["text"].str.replace(r"[\t\r\n]", " ", regex=True))
    rows = [frame.columns, *frame.astype(object).where(frame.notna(), "").to_numpy()]
    require_whole(read_back("a.tsv", "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()), frame)


def require_whole(dataset: Dataset, frame: pd.DataFrame) -> None:
    """Every row is there; quotation marks around a whole text may be read as quotes."""
    assert len(dataset) == len(frame)
    assert [dataset.label(row) for row in range(len(dataset))] == frame["label"].tolist()
    assert dataset.frame["text"].tolist() == frame["text"].tolist()


@examples(20)
@given(frames())
def test_json_lines(frame: pd.DataFrame) -> None:
    lines = frame.to_json(orient="records", lines=True, force_ascii=False, double_precision=15)
    require_same(read_back("a.jsonl", str(lines).encode()), frame)


@examples(20)
@given(frames())
def test_parquet(frame: pd.DataFrame) -> None:
    pytest.importorskip("pyarrow")
    require_same(read_back("a.parquet", frame.to_parquet(index=False)), frame)
