"""Answers as tables for people."""

from collections.abc import Sequence

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from likeness.documents import Document

_QUALITIES = ("precision_at_k", "recall_at_k", "mean_average_precision")


def plain(text: str) -> Text:
    """Return a text from elsewhere, such as a file's name, with nothing in it that a terminal would obey."""
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))


def collections(documents: Sequence[Document]) -> Table:
    """Return the collections."""
    table = _table("Collections", "name", "models", "metric", "index", "images:right", "made")
    for document in documents:
        models, made = ", ".join(document["models"]), document["create_time"][:19].replace("T", " ")
        count = f"{document['image_count']:,}"
        index = document["index"].replace("UNSPECIFIED", "automatic")
        _add(table, document["name"], models, document["metric"], index, count, made)
    return table


def models(documents: Sequence[Document]) -> Table:
    """Return the models."""
    table = _table("Models", "name", "state", "dimension:right", "fingerprint", "licence", "description")
    for document in documents:
        name, state, dimension = document["name"], document["state"], str(document["dimension"])
        _add(table, name, state, dimension, document["fingerprint"][:12], document["license"], document["description"])
    return table


def search(document: Document) -> Table:
    """Return the fused list, with each model's rank and distance beside each hit."""
    names = [own["model"] for own in document["per_model"]]
    own_columns = [f"{name}:right" for name in names]
    table = _table("Look-alikes", "#:right", "image", "distance:right", "similarity:right", "score:right", *own_columns)
    for hit in document["hits"]:
        parts = {
            part["model"]: f"#{part['rank']} {part['distance']:.4f}" for part in hit["contributions"] if part["rank"]
        }
        own = [parts.get(name, "-") for name in names]
        _add(table, str(hit["rank"]), hit["image_id"], *_closeness(hit), f"{hit['score']:.5f}", *own)
    return table


def comparison(document: Document) -> Columns:
    """Return each model's list, side by side where there is room."""
    return Columns([_own_list(own) for own in document["per_model"]])


def agreements(document: Document) -> Table:
    """Return how far each two lists agree."""
    table = _table("Agreement", "models", "overlap:right", "rank-biased overlap:right", "Kendall's tau:right")
    for pair in document["agreements"]:
        tau = "-" if pair["kendall_tau"] is None else f"{pair['kendall_tau']:.3f}"
        shares = f"{pair['overlap_at_k']:.0%}", f"{pair['rank_biased_overlap']:.3f}"
        _add(table, f"{pair['model_a']} / {pair['model_b']}", *shares, tau)
    return table


def evaluation(document: Document) -> Table:
    """Return each model's figures and the fused list's, a row each; the best of a column is bold."""
    k = document["top_k"]
    found = (f"P@{k}:right", f"recall@{k}:right", "mAP:right")
    apart = ("same label:right", "other labels:right", "queries:right")
    table = _table(f"By {document['label']} in {document['collection']}", "model", *found, *apart)
    rows = measured(document)
    best = {name: max(figures[name] for _, figures in rows) for name in _QUALITIES}
    for title, figures in rows:
        qualities = [Text(f"{figures[name]:.3f}", "bold" if figures[name] == best[name] else "") for name in _QUALITIES]
        distances = [f"{figures[f'mean_distance_{labels}']:.4f}" for labels in ("same_label", "other_labels")]
        table.add_row(plain(title), *qualities, *map(plain, (*distances, f"{figures['query_count']:,}")))
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
    return [plain(f"{number}: {len(image_ids):,} images"), *(plain(f"   {image_id}") for image_id in image_ids)]


def parts(documents: Sequence[Document]) -> Table:
    """Return which parts of the system answer."""
    table = _table("Parts", "part", "answers", "after:right", "problem")
    for document in documents:
        answers = Text("yes", style="green") if document["answers"] else Text("no", style="bold red")
        problem = plain(document["message"] or "")
        table.add_row(plain(document["name"]), answers, f"{document['latency_ms']:.0f} ms", problem)
    return table


def summary(document: Document) -> Table:
    """Return what became of the pictures of a run."""
    table = _table(f"Indexed into {document['collection']}", "", "images:right")
    for outcome in ("created", "updated", "unchanged"):
        _add(table, outcome, f"{document[outcome]:,}")
    _add(table, "refused", f"{len(document['refused']):,}")
    return table


def refusals(document: Document) -> list[Text]:
    """Return a line for every picture that was refused, with why: paths in a table could not be copied."""
    return [plain(f"{refused['path']}: {refused['reason']}: {refused['message']}") for refused in document["refused"]]


def _own_list(own: Document) -> Table:
    table = _table(f"{own['model']} ({own['metric']})", "#:right", "image", "distance:right", "similarity:right")
    for hit in own["hits"]:
        _add(table, str(hit["rank"]), hit["image_id"], *_closeness(hit))
    return table


def _closeness(hit: Document) -> tuple[str, str]:
    return f"{hit['distance']:.4f}", f"{hit['similarity']:.4f}"


def _table(title: str, *columns: str) -> Table:
    """Return an empty table; a column is its heading, and `:right` where it is aligned so."""
    table = Table(title=plain(title), title_justify="left", title_style="bold")
    for column in columns:
        heading, _, side = column.rpartition(":") if column.endswith(":right") else (column, "", "")
        table.add_column(plain(heading), justify="right" if side else "left", no_wrap=bool(side), overflow="fold")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(plain, cells))
