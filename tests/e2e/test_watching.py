"""What the whole stack tells those who watch it: one trace, metrics, logs, and no secret in any of them."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import image_search_pb2_grpc, types_pb2
from tests.e2e.conftest import Running, running_stack, write_photos
from tests.otlp_collector import Collector, Span, collector
from tests.scraping import Scrape, read

SERVICES = ("gateway", "embedder", "search")
# Nowhere at all; and in no metric and no trace.
CANARY, NAME_CANARY = "canary-2c77", "canaryname-b1d0"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRETS = (("authorization", f"Bearer {CANARY}"), ("tracestate", f"a={CANARY}"), ("baggage", f"a={CANARY}"))


@dataclass(frozen=True)
class Watched:
    """What was seen of a stack that has indexed, searched, failed and mended."""

    before: dict[str, Scrape]
    scrapes: dict[str, Scrape]
    collector: Collector
    logs: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with pytest.MonkeyPatch.context() as environment, collector() as receiver:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.address)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running_stack(tmp_path_factory.mktemp("watched"), LIKENESS_SEARCH_SWEEP_INTERVAL_SECONDS="0.2") as running:
            before = scraped(running)
            use(running, write_photos(tmp_path_factory.mktemp("photos"), range(4)))
            traced = {"likeness-gateway", "likeness-embedder", "likeness-search"}
            receiver.wait(lambda spans: {span.service for span in spans if span.trace_id == TRACE} == traced)
            receiver.wait(lambda spans: any(span.parent == PARENT for span in spans))
            logs = {name: lines(running.stack.log(name)) for name in SERVICES}
            yield Watched(before, scraped(running), receiver, logs)


def scraped(running: Running) -> dict[str, Scrape]:
    ports = running.stack.settings.ports
    return {name: Scrape(read(f"http://127.0.0.1:{getattr(ports, f'{name}_metrics')}/metrics")) for name in SERVICES}


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def use(running: Running, photos: list[Path]) -> None:
    """Index three pictures, twice, and what is none; search by another one; ask for what is not there."""
    with grpc.insecure_channel(running.stack.settings.ports.address("gateway")) as channel:
        stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        stub.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name=NAME_CANARY)), metadata=SECRETS)
        pictures = [path.read_bytes() for path in photos]
        contents = [*pictures[:3], CANARY.encode() * 100]
        for _ in range(2):
            stub.IndexImages(
                pb.IndexImagesRequest(collection=NAME_CANARY, entries=map(entry, range(4), contents)), metadata=SECRETS
            )
        query = pb.SearchImagesRequest(collection=NAME_CANARY, image=types_pb2.Image(content=pictures[3]), top_k=3)
        found = stub.SearchImages(query, metadata=(*SECRETS, ("traceparent", f"00-{TRACE}-{PARENT}-01")))
        assert len(found.hits) == 3
        with pytest.raises(grpc.RpcError):
            stub.GetImage(pb.GetImageRequest(collection=CANARY, image_id=CANARY), metadata=SECRETS)
    search = running.stack.settings.ports.address("search")
    assert reconcile(search).returncode == 0


def entry(i: int, content: bytes) -> Any:
    made = pb.ImageEntry(
        image_id=f"{NAME_CANARY}-{i}", image=types_pb2.Image(content=content), uri=f"http://{CANARY}/{i}"
    )
    made.attributes.update({"secret": CANARY})
    return made


def reconcile(address: str) -> Any:
    command = [sys.executable, "-m", "search_service", "reconcile", "--address", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_search_is_one_tree_through_all_services(watched: Watched) -> None:
    spans = [span for span in watched.collector.spans if span.trace_id == TRACE]
    by_id = {span.span_id: span for span in spans}
    (root,) = [span for span in spans if span.parent == PARENT]
    assert (root.service, root.name) == ("likeness-gateway", "likeness.v1.ImageSearchService/SearchImages")
    assert all(span is root or span.parent in by_id for span in spans), "each hangs on another"
    paths = Counter(path(span, by_id) for span in spans)
    embed = ("SearchImages", "embedder embed", "Embed")
    search = ("SearchImages", "search search", "Search")
    models = int(watched.scrapes["embedder"].value("likeness_embedder_model_info"))
    assert models >= 2
    assert paths[(*embed, "decode")] == 1
    assert paths[(*embed, "queue")] == 1 + models
    assert paths[(*embed, "inference")] == models
    assert paths[(*search, "model")] == models
    assert paths[(*search, "model", "milvus search")] == models
    assert paths[(*search, "redis read")] == 1
    assert paths[("SearchImages", "search find", "FindContent", "redis collection")] == 1


def path(span: Span, by_id: dict[str, Span]) -> tuple[str, ...]:
    before = path(by_id[span.parent], by_id) if span.parent in by_id else ()
    return (*before, span.name.rpartition("/")[2])


def test_a_span_lies_within_the_one_that_it_hangs_on(watched: Watched) -> None:
    spans = [span for span in watched.collector.spans if span.trace_id == TRACE]
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        assert span.began_ns <= span.ended_ns
        if around := by_id.get(span.parent):
            # Steps that are noted once they are over have their times from another clock than those around them.
            assert around.began_ns - 5e6 <= span.began_ns
            assert span.ended_ns <= around.ended_ns + 5e6


def test_spans_say_little_and_only_what_is_allowed(watched: Watched) -> None:
    allowed = {"rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code", "likeness.reason", "model", "images"}
    assert {name for span in watched.collector.spans for name in span.attributes} <= allowed


def test_no_secret_is_in_any_metric_trace_or_log(watched: Watched) -> None:
    told = [*(scrape.text for scrape in watched.scrapes.values()), watched.collector.raw.decode(errors="replace")]
    for text in [*told, *(json.dumps(log) for log in watched.logs.values())]:
        assert CANARY not in text
    for text in told:
        assert NAME_CANARY not in text


def test_every_line_of_a_call_has_its_trace_and_the_lines_of_all_services_meet_in_it(watched: Watched) -> None:
    for name, log in watched.logs.items():
        calls = [line for line in log if line["event"] == "call"]
        assert calls
        assert all(re.fullmatch("[0-9a-f]{32}", line["trace_id"]) and line["request_id"] for line in calls)
        assert any(line["trace_id"] == TRACE for line in calls), name


def test_what_was_done_is_counted(watched: Watched) -> None:
    gateway, embedder, search = (watched.scrapes[name] for name in SERVICES)
    images = {each: gateway.value("likeness_gateway_images_total", outcome=each) for each in ("created", "unchanged")}
    assert images == {"created": 3, "unchanged": 3}
    assert gateway.value("likeness_gateway_pictures_total", vectors="embedded") == 4
    assert gateway.value("likeness_gateway_pictures_total", vectors="failed") == 2
    assert gateway.value("likeness_rpc_errors_total", reason="COLLECTION_NOT_FOUND") == 1
    models = embedder.value("likeness_embedder_model_info")
    # Models are held against golden vectors of pictures before they serve.
    decoded = watched.before["embedder"].value("likeness_embedder_decode_seconds_count") + 6
    assert embedder.value("likeness_embedder_decode_seconds_count") == decoded
    assert embedder.value("likeness_embedder_decode_failures_total", reason="IMAGE_UNDECODABLE") == 2
    assert embedder.value("likeness_embedder_batch_images_sum") == 4 * models
    assert embedder.value("likeness_embedder_images_waiting") == 0
    assert search.value("likeness_search_rows_total", state="true") == 3 * models
    assert search.value("likeness_part_seconds_count", part="milvus", operation="search") == models
    assert search.value("likeness_part_seconds_count", part="redis", operation="commit") >= 1
    assert search.value("likeness_search_sweeps_total", outcome="done") >= 1
    assert search.value("likeness_search_breaker_open") == 0
    assert [scrape.value("likeness_ready") for scrape in watched.scrapes.values()] == [1, 1, 1]


def named(root: Path) -> dict[str, set[str]]:
    """Return the series that each panel and each alert names, by its title."""
    dashboard = json.loads((root / "deploy/observability/dashboard.json").read_text())
    rules = yaml.safe_load((root / "deploy/observability/alerts.yml").read_text())
    texts = {panel["title"]: [t["expr"] for t in panel.get("targets", ())] for panel in dashboard["panels"]}
    texts |= {rule["alert"]: [rule["expr"]] for group in rules["groups"] for rule in group["rules"]}
    scaling = root / "deploy/k8s/overlays/production/embedder-scaling.yaml"
    texts["scaling"] = [yaml.safe_load(scaling.read_text())["spec"]["triggers"][0]["metadata"]["query"]]
    return {title: set(re.findall(r"\b(?:likeness|process)_\w+", " ".join(some))) for title, some in texts.items()}


def test_every_metric_that_a_panel_or_an_alert_names_is_exported(watched: Watched, root: Path) -> None:
    exported = {name for scrape in watched.scrapes.values() for name in scrape.declared()}
    missing = {title: names - exported for title, names in named(root).items()}
    assert {title: names for title, names in missing.items() if names} == {}
    assert sum(map(len, missing)) > 30
