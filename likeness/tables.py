"""Answers as tables for people."""

from collections.abc import Sequence

from rich.text import Text

from likeness.documents import Document
from likeness.image_ids import readable
from likeness.listing import Listing, SideBySide, plain

_FED = {
    "fed": "fed",
    "unchanged": "unchanged",
    "changed meanwhile": "changed",
    "without a uri": "without_uri",
    "not readable": "unreadable",
}
_QUALITIES = ("precision_at_k", "recall_at_k", "mean_average_precision")


def collections(documents: Sequence[Document]) -> Listing:
    """Return the collections."""
    table = Listing("Collections", "name", "models", "metric", "index", "images:right", "made")
    for document in documents:
        bound = [_bound(binding, document["image_count"]) for binding in document["bindings"]]
        models, made = ", ".join(bound or document["models"]), document["create_time"][:19].replace("T", " ")
        count = f"{document['image_count']:,}"
        index = document["index"].replace("UNSPECIFIED", "automatic")
        table.add(document["name"], models, document["metric"], index, count, made)
    return table


def models(documents: Sequence[Document]) -> Listing:
    """Return the models."""
    table = Listing("Models", "name", "state", "dimension:right", "fingerprint", "licence", "description")
    for document in documents:
        name, state, dimension = document["name"], document["state"], str(document["dimension"])
        table.add(name, state, dimension, document["fingerprint"][:12], document["license"], document["description"])
    return table


def search(document: Document) -> Listing:
    """Return the fused list, with each model's rank and distance beside each hit."""
    names = [own["model"] for own in document["per_model"]]
    own = [f"{name}:right" for name in names]
    table = Listing("Look-alikes", "#:right", "image", "distance:right", "similarity:right", "score:right", *own)
    for hit in document["hits"]:
        parts = {
            part["model"]: f"#{part['rank']} {part['distance']:.4f}" for part in hit["contributions"] if part["rank"]
        }
        ranks = [parts.get(name, "-") for name in names]
        table.add(str(hit["rank"]), readable(hit["image_id"]), *_closeness(hit), f"{hit['score']:.5f}", *ranks)
    return table


def comparison(document: Document) -> SideBySide:
    """Return each model's list, side by side where there is room."""
    return SideBySide([_own_list(own) for own in document["per_model"]])


def agreements(document: Document) -> Listing:
    """Return how far each two lists agree."""
    table = Listing("Agreement", "models", "overlap:right", "rank-biased overlap:right", "Kendall's tau:right")
    for pair in document["agreements"]:
        tau = "-" if pair["kendall_tau"] is None else f"{pair['kendall_tau']:.3f}"
        shares = f"{pair['overlap_at_k']:.0%}", f"{pair['rank_biased_overlap']:.3f}"
        table.add(f"{pair['model_a']} / {pair['model_b']}", *shares, tau)
    return table


def evaluation(document: Document) -> Listing:
    """Return each model's figures and the fused list's, a row each; the best of a column is bold."""
    k = document["top_k"]
    found = (f"P@{k}:right", f"recall@{k}:right", "mAP:right")
    apart = ("same label:right", "other labels:right", "queries:right")
    table = Listing(f"By {document['label']} in {document['collection']}", "model", *found, *apart)
    rows = measured(document)
    best = {name: max(figures[name] for _, figures in rows) for name in _QUALITIES}
    for title, figures in rows:
        qualities = [Text(f"{figures[name]:.3f}", "bold" if figures[name] == best[name] else "") for name in _QUALITIES]
        distances = [f"{figures[f'mean_distance_{labels}']:.4f}" for labels in ("same_label", "other_labels")]
        table.add(title, *qualities, *distances, f"{figures['query_count']:,}")
    return table


def measured(document: Document) -> list[tuple[str, Document]]:
    """Return a title and the figures of each list: every model's own, and the fused one of several."""
    own = [(figures["model"], figures) for figures in document["per_model"]]
    return [*own, (f"fused by {document['fusion']}", document["fused"])] if len(own) > 1 else own


def counted(document: Document) -> Text:
    """Return how many images a measurement is about."""
    alone = document["alone_count"]
    left_out = f"; {alone:,} of them have a label of their own and were not searched with" if alone else ""
    return plain(f"{document['labelled_count']:,} images of {document['label_count']:,} labels{left_out}.")


def group(number: int, image_ids: Sequence[str]) -> list[Text]:
    """Return a group of look-alikes, a line an id: ids in a table could not be copied."""
    return [
        plain(f"{number}: {len(image_ids):,} images"),
        *(plain(f"   {readable(image_id)}") for image_id in image_ids),
    ]


def parts(documents: Sequence[Document]) -> Listing:
    """Return which parts of the system answer."""
    table = Listing("Parts", "part", "answers", "after:right", "problem")
    for document in documents:
        answers = Text("yes", style="green") if document["answers"] else Text("no", style="bold red")
        table.add(document["name"], answers, f"{document['latency_ms']:.0f} ms", document["message"] or "")
    return table


def summary(document: Document) -> Listing:
    """Return what became of the pictures of a run."""
    table = Listing(f"Indexed into {document['collection']}", "", "images:right")
    for outcome in ("created", "updated", "unchanged"):
        table.add(outcome, f"{document[outcome]:,}")
    table.add("refused", f"{len(document['refused']):,}")
    return table


def refusals(document: Document) -> list[Text]:
    """Return a line for all that was refused, with why: paths in a table could not be copied."""
    return [plain(f"{refused['path']}: {refused['reason']}: {refused['message']}") for refused in document["refused"]]


def feed(document: Document) -> Listing:
    """Return what became of the images that a model was fed with."""
    table = Listing(f"{document['model']} in {document['collection']}", "", "images:right")
    for title, outcome in _FED.items():
        table.add(title, f"{document[outcome]:,}")
    return table


def unread(document: Document) -> list[Text]:
    """Return a line for each of the first images that could not be read, with why, and one for the others."""
    first = document["first_unreadable"]
    lines = [plain(f"{readable(one['image_id'])}: {one['reason']}: {one['message']}") for one in first]
    more = document["unreadable"] - len(first)
    return [*lines, plain(f"and {more:,} more")] if more else lines


def skipped(document: Document) -> list[Text]:
    """Return a line on the files that were passed over, if there are any."""
    count, unread = document["skipped"]["files"], document["skipped"]["unread_formats"]
    if not count:
        return []
    what = f"skipped: {count:,} that are no pictures by their names"
    formats = ", ".join(f"{number:,} {extension}" for extension, number in unread.items())
    return [plain(f"{what}; formats that are not read: {formats}" if formats else what)]


def _bound(binding: Document, image_count: int) -> str:
    """Return a model's name, and how many images have a vector of it while it is built, or where some have none."""
    progress = f"{binding['image_count']:,} of {image_count:,}"
    if binding["state"] == "BUILDING":
        return f"{binding['model']} (building, {progress})"
    return f"{binding['model']} ({progress})" if binding["image_count"] < image_count else str(binding["model"])


def _own_list(own: Document) -> Listing:
    table = Listing(f"{own['model']} ({own['metric']})", "#:right", "image", "distance:right", "similarity:right")
    for hit in own["hits"]:
        table.add(str(hit["rank"]), readable(hit["image_id"]), *_closeness(hit))
    return table


def _closeness(hit: Document) -> tuple[str, str]:
    return f"{hit['distance']:.4f}", f"{hit['similarity']:.4f}"
