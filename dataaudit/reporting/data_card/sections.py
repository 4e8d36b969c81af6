"""An audit's document -> its data card, in the sections of *Datasheets for Datasets* (Gebru et al. 2021)."""

from collections.abc import Mapping
from typing import Any

from . import article10, hugging_face, measures, told
from .croissant import croissant
from .value import DataCard, Given, Line, Measured, Section, Table, Told

MOST_CLASSES = 50
"""Classes in the table; audit.json has all."""
NO_LEGAL_ADVICE = (
    "This card is no legal advice. It says what was measured and asks for the rest; a filled-in card does not make a "
    "dataset or a system comply with any law."
)


def data_card(document: Mapping[str, Any], said: Told) -> DataCard:
    """The card of an audit.

    document   as `read_audit` returns it
    said       what reviewers said of it

    A pure function: the same audit and answers make the same card.
    """
    return DataCard(
        name=document["dataset"]["name"],
        front=hugging_face.front_matter(document),
        croissant=croissant(document, said),
        lead=_lead(document),
        sections=(
            _motivation(),
            _composition(document, said),
            _collection(),
            _preprocessing(said),
            _uses(document),
            _distribution(),
            _maintenance(document),
            Section("What was checked", table=Table(("check", "examined", "found"), measures.coverage(document))),
            article10.section(document, said),
        ),
    )


def _lead(document: Mapping[str, Any]) -> tuple[Line, ...]:
    version, fingerprint = document["reproduce"]["versions"]["dataaudit"], document["dataset"]["fingerprint"]
    return (
        ("Measured by dataaudit ", Given(version), " on the data with the fingerprint ", Given(fingerprint),
         ". Nothing else is claimed: what was not measured says so, and what only the owner of the data knows is a "
         "blank, marked “To be filled in”. The sections are those of Datasheets for Datasets."),
        ("No finding means that nothing was found at the checks' false-discovery rates, not that nothing is there.",),
        (NO_LEGAL_ADVICE,),
    )  # fmt: skip


def _motivation() -> Section:
    return Section(
        "Motivation",
        questions=(
            "For what purpose was the dataset made? Which gap was it to fill?",
            "Who made it, and on behalf of whom? Who paid for it?",
        ),
    )


def _composition(document: Mapping[str, Any], said: Told) -> Section:
    dataset = document["dataset"]
    parts = measures.sampled(document)
    read_as = tuple((Given(note),) for note in dataset["notes"] if note not in parts)
    what = Measured((f"Kind of the instances: {dataset['modality']}; task: {dataset['task']}.",), read_as)
    facts = (
        measures.sizes, measures.balance, measures.imbalance, measures.unreadable, measures.absent,
        measures.missing_values, measures.stand_ins, measures.telling_gaps, measures.duplicates, measures.leaks,
        measures.groups, measures.drift, measures.label_suspects,
    )  # fmt: skip
    return Section(
        "Composition",
        facts=(what, *(fact(document) for fact in facts), told.label_errors(said)),
        table=_classes(document),
        questions=(
            "Are these all instances, or a sample of a larger set? Of which, and how far does it represent it?",
            "What does each instance stand for? Is anything about it missing on purpose?",
            "Does the dataset hold confidential, offensive or personal data? Of which people or groups?",
            "Can individuals be identified, directly or together with other data?",
            "Why are the splits as they are?",
        ),
    )


def _classes(document: Mapping[str, Any]) -> Table | None:
    dataset = document["dataset"]
    counts, classes = dataset["counts"], dataset["classes"]
    if not classes:
        return None
    rows = [
        (((Given(name),),), *(((f"{counts[split][name]:,}",),) for split in counts)) for name in classes[:MOST_CLASSES]
    ]
    if (more := len(classes) - MOST_CLASSES) > 0:
        rest = [sum(counts[split][name] for name in classes[MOST_CLASSES:]) for split in counts]
        rows.append((((f"{more:,} more classes",),), *(((f"{count:,}",),) for count in rest)))
    return Table(("class", *counts), tuple(rows))


def _collection() -> Section:
    return Section(
        "Collection process",
        questions=(
            "Who collected the data, and when? By which instruments, people or programs?",
            "Where do they come from? If they are a sample, how was it drawn?",
            "Personal data: what were they first collected for? On what legal ground, with which notice and consent?",
            "Was there an ethical review, or an assessment of the impact on the people concerned?",
        ),
    )


def _preprocessing(said: Told) -> Section:
    return Section(
        "Preprocessing, cleaning and labelling",
        facts=(*told.changes(said), told.residual(said)),
        questions=(
            "Who labelled the data, by which instructions, and how far did the labellers agree?",
            "What was done to the data before this audit: cleaning, updating, enrichment, aggregation?",
            "Are the raw data kept, and where? Is the software that prepared them available?",
        ),
    )


def _uses(document: Mapping[str, Any]) -> Section:
    return Section(
        "Uses",
        facts=(measures.performance(document), measures.weak_groups(document), measures.verdict(document)),
        questions=(
            "What has the dataset been used for, and what else could it be used for?",
            "What must it not be used for? Who could be treated unfairly or harmed, and how is that prevented?",
        ),
    )


def _distribution() -> Section:
    return Section(
        "Distribution",
        questions=(
            "To whom is the dataset given, when and how? Under which licence or terms?",
            "Do third parties hold rights in the data? Do export controls or other rules apply?",
        ),
    )


def _maintenance(document: Mapping[str, Any]) -> Section:
    versions = ", ".join(f"{name} {version}" for name, version in document["reproduce"]["versions"].items())
    audited = Measured((
        f"Audited with the seed {document['dataset']['reading']['seed']} and ", Given(versions), "; the command is in "
        "audit.json. The card is about the data with its fingerprint alone: audit again after every change.",
    ))  # fmt: skip
    return Section(
        "Maintenance",
        facts=(audited,),
        questions=(
            "Who maintains the dataset, and how can they be reached? Is there an erratum?",
            "Will it be updated: how often, by whom, and how are users told? Are older versions kept?",
            "Personal data: how long are they kept? How can others contribute?",
        ),
    )
