"""The charts of the report draw what the audit holds."""

from typing import Any

from dataaudit.reporting.charts import distributions, of_kind, of_margins, of_planted, of_trust
from dataaudit.reporting.summary import summarize
from dataaudit.result import Check

from ..fixtures_findings import audit_of, hanging


def test_trust_and_planted_faults_are_told_to_a_screen_reader() -> None:
    planted = {"planted": {"crop": 10, "blur": 4}, "found": {"crop": 9, "blur": 1}, "reported": 11, "right": 10,
               "procedure": "", "threshold": None}  # fmt: skip
    said = summarize(audit_of([], checks=(Check("leakage", "ran", 5, 5, 0, calibration=planted),)))
    assert said.trust is not None
    assert f'aria-label="{said.trust.words}"' in of_trust(said.trust)
    (chart,) = of_planted(said.planted)
    for words in ("crop", "9 of 10", "1 of 4", "10 of 14", "10 of 11"):
        assert words in chart.svg


def test_only_figures_that_are_there_are_drawn() -> None:
    samples = tuple({"label_quality": i / 9, "mean_influence": float("nan")} for i in range(10))
    assert [chart.caption for chart in distributions(audit_of([], samples=samples))] == ["Label quality"]
    assert list(distributions(audit_of([]))) == []
    assert list(of_kind(audit_of([]), "leakage")) == []


def test_supports_are_counted_by_size_with_those_that_held() -> None:
    found = (("confirmed", 2), ("confirmed", 70), ("not confirmed", 5), ("not found", None))
    supports = [{"id": status, "size": size, "status": status} for status, size in found]
    figures: dict[str, Any] = {
        "counterfactual": {"predicted": [1.0, 2.0], "actual": [1.0, 2.0]},
        "supports": supports,
        "most": 80,
    }
    check = Check("brittle", "ran", 4, 5, 2, figures=figures)
    drops, sizes = of_kind(audit_of([], checks=(check,), kinds={"brittle": ("brittle", "Hanging")}), "brittle")
    assert drops.caption.endswith("Pearson +1.00")
    assert "≤ 3: 1" in sizes.svg
    assert "≤ 80: 1" in sizes.svg
    assert "&gt; 80: 2" in sizes.svg
    figures["shares"] = [{"share": 0.005, "most": 10, "flip": 1, "drawn": 20, "interval": (0.01, 0.24)}]
    *_, drawn = of_kind(audit_of([], checks=(check,), kinds={"brittle": ("brittle", "Hanging")}), "brittle")
    assert drawn.caption.startswith("Predictions drawn at random")
    for words in ("0.5% (10)", "1 of 20"):
        assert words in drawn.svg


def test_margins_show_search_confirmation_and_control() -> None:
    svg = of_margins("x", hanging("h", ["b"], "c").evidence["margins"])
    for words in ("by influence", "fresh seeds", "at random", "training samples removed"):
        assert words in svg
