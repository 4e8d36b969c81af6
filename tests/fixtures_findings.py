"""Findings and audits made by hand, and strings that a dataset may hold to do harm."""

from dataclasses import replace

from dataaudit.findings import Finding, Pair, Remedy, Severity, Verification, fingerprint
from dataaudit.result import Audit, Check, Cost, Exhibit
from dataaudit.verdict.gate import judge
from dataaudit.verdict.policy import Policy

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
KINDS = {"leakage": ("leakage", "Train-test leakage"), "mislabeled": ("mislabeled", "Label errors")}
HOSTILE = [
    '"><img src=x onerror=alert(1)>.png',
    "'><svg onload=alert(1)>",
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</title><b>bold",
    "</style><style>*{display:none}",
    "</textarea></template></dialog><i>",
    "<!-- comment",
    "--><b>out</b>",
    "<![CDATA[ x ]]>",
    "]]>",
    "<?php echo 1 ?>",
    "&lt;already escaped&gt;",
    "&#x3c;b&#x3e; &amp;amp; &#0;",
    "{{ 7 * 7 }}{% raw %}{# x #}",
    "{{ config }}",
    "${7*7} `x` %(name)s {0} %s",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "x; background: url(http://evil.invalid/x.png)",
    "expression(alert(1)) \\3c b\\3e",
    "'; DROP TABLE findings; --",
    "quote \" double ' single ` tick",
    "back\\slash\\",
    "../../etc/passwd",
    "C:\\con\\nul.png",
    "#kind-leakage",
    "__proto__",
    "None",
    "null",
    "$\\frac{1}{0}$ ^_^ $x$",
    "new\nline\ttab\rreturn",
    "nul\0 esc\x1b[31m bell\x07 del\x7f c1\x9b",
    "lone \ud800 surrogate \udcff",
    "line\u2028separator\u2029paragraph",
    "\ufeffbyte order mark \ufffe\uffff",
    "right-to-left \u202e override \u2066 isolate",
    "שלום עולם مرحبا",
    "猫の写真.png, кошка, γάτα, บ้าน, नमस्ते",
    "zalgo Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f e\u0301",
    "👩\u200d👩\u200d👧\u200d👦 🏴\U000e0067\U000e0062\U000e007f 🇪🇺",
    "zero\u200bwidth\u00ad soft",
    " leading and trailing ",
    "a" * 5000,
    "word " * 1000,
]


def leak(test: str, train: str, label: str) -> Finding:
    copy = {"test_id": test, "train_id": train, "splits": ["test", "train"], "test_label": label, "train_label": label,
            "labels_agree": True, "exact": False, "agreement": "near", "similarity": 0.99, "mirrored": True,
            "score": 12.0, "q_value": 0.01, "influence": 0.5, "influence_deviations": 40.0,
            "influence_place": 1}  # fmt: skip
    largest = [{"id": train, "influence": 0.5, "influence_deviations": 40.0}]
    evidence = {"copies": [copy], "agreement": "near", "labels_agree": True, "largest_influencers": largest}
    print_ = fingerprint("leakage", [ascii(test), ascii(train)])
    remedies = (Remedy("remove", (test,)), Remedy("remove", (train,)))
    message = f"{test} has a copy {train}"
    return Finding("leakage", Severity.HIGH, (test, train), 12.0, message, print_, evidence, remedies=remedies)


def wrong(id: str, label: str) -> Finding:
    evidence = {"split": "train", "label": label, "suggested_label": "other", "probability_wrong": 0.9,
                "q_value": 0.05, "self_confidence": 0.02, "views": {"pool": {"label": 0.1, "suggested": 0.8}},
                "self_influence": 1.0, "self_influence_percentile": 99.0, "mean_influence": float("nan"),
                "for_label": [{"id": label, "label": label, "influence": 0.3}],
                "for_suggested": [{"id": f"like {label}", "label": "other", "similarity": 0.8}]}  # fmt: skip
    remedies = (Remedy("relabel", (id,), ("other",)), Remedy("remove", (id,)))
    return Finding("mislabeled", Severity.MEDIUM, (id,), 0.9, f"{id} {label}", fingerprint("mislabeled", [ascii(id)]),
                   evidence, remedies=remedies)  # fmt: skip


def hanging(id: str, support: list[str], label: str) -> Finding:
    evidence = {"test_id": id, "label": label, "predicted": label, "support_size": len(support), "flips": 4,
                "trainings": 4, "flips_after_random_removal": 0, "random_trainings": 8, "q_value": 0.002, "lead": 2.5,
                "lead_without": -1.25, "support": [{"train_id": one, "label": label, "influence": 0.5}
                                                   for one in support],
                "margins": {"removed": [0, 2, 4], "lead": [2.5, 0.5, -1.0],
                            "fresh": {"removed": [0, 4], "lead": [2.4, -1.25]},
                            "random": {"removed": [0, 4], "lead": [2.4, 2.3]}}}  # fmt: skip
    verification = Verification("confirmed", "drop in margin", 3.75, (3.0, 4.5), 0.1, 4)
    return Finding("brittle", Severity.LOW, (id, *support), 0.5, f"{id} flips", fingerprint("brittle", [ascii(id)]),
                   evidence, verification)  # fmt: skip


def group(ids: list[str], label: str) -> Finding:
    measure = {"with": 0.8, "without": 0.83, "after_random_removal": 0.79, "gain": [0.03, 0.02, 0.04],
               "more_than_random": [0.04, 0.03, 0.05]}  # fmt: skip
    evidence = {"size": len(ids), "classes": {label: len(ids)}, "measures": {"accuracy": measure},
                "members": [{"train_id": id, "label": label, "harm": 0.1} for id in ids]}  # fmt: skip
    return Finding(
        "harmful", Severity.MEDIUM, tuple(ids), 0.03, "harm", fingerprint("harmful", list(map(ascii, ids))), evidence
    )


def audit_of(findings: list[Finding], label: str = "shirt", **changes: object) -> Audit:
    checks = (Check("leakage", "ran", 5, 5, len(findings), notes=(f"note about {label}",)),)
    audit = Audit(
        verdict=judge(Policy(), checks, findings, KINDS),
        dataset={
            "name": label, "path": f"/data/{label}", "fingerprint": "0" * 64, "format": "image_folder",
            "modality": "image", "task": "classification", "split_origin": "split folders", "target_split": "test",
            "sizes": {"train": 7, "test": 1}, "target_quartiles": None,
            "classes": [label, "other"], "counts": {"train": {label: 3, "other": 4}, "test": {label: 1, "other": 0}},
            "unreadable": 0, "ignored": [{"path": label, "reason": "hidden"}], "notes": [label],
            "reading": {"seed": 0, "label": None, "rows": 100_000},
        },
        learner={
            "recipe": {"learner": "image"}, "gradients_of": None, "checkpoints": [], "models": 8,
            "distinct_subsets": 6, "training_rows_per_model": 3, "reliability": 0.97,
            "reliable_from": 0.99,
            "performance": {"measure": "accuracy", "split": "test", "mean": 0.8, "standard_deviation": 0.01,
                            "ensemble": 0.85, "lowest_skill": 0.6},
        },
        trust={
            "lds": 0.5, "interval": (0.4, 0.6), "ceiling": 0.8, "n_subsets": 4, "n_targets": 5, "slope": 2.0,
            "ridge": 0.1,
        },
        checks=checks,
        findings=tuple(findings),
        reproduce={"arguments": ["run", f"/data/{label}"], "versions": {"dataaudit": "0"}, "device": "cpu"},
        limits=("a limit",),
        cost=Cost({"pool": 1.0}, 100.0, 0),
        samples=({"id": label, "split": "train", "label": label},),
        pairs=(Pair("t", label, 0.9, float("nan"), 1.0, "candidate", 1),),
        exhibits={"t": Exhibit(picture=PIXEL)},
        kinds=KINDS,
        explanations={"leakage": {"summary": "s", "What it finds": "f"}},
    )  # fmt: skip
    return replace(audit, **changes)  # type: ignore[arg-type]
