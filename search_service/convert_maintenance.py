"""What sweep, reconcile and rebuild find, as messages."""

from collections.abc import Sequence
from typing import Any

from likeness.v1 import maintenance_pb2 as pb
from search_service.ports_repair import Finding, Kind, Step

_KINDS: dict[Kind, Any] = {kind: pb.Finding.Kind.Value(f"KIND_{kind.value}") for kind in Kind}


def to_reconcile_response(step: Step) -> pb.ReconcileResponse:
    """Return a part of a comparison as a message."""
    return pb.ReconcileResponse(progress=_progress(step), findings=_findings(step.findings))


def to_rebuild_response(step: Step) -> pb.RebuildResponse:
    """Return a part of a rebuild as a message."""
    findings = _findings(step.findings)
    return pb.RebuildResponse(progress=_progress(step), findings=findings, restored_count=step.restored)


def _progress(step: Step) -> pb.Progress:
    return pb.Progress(collection=step.collection, done_count=step.done, total_count=step.total)


def _findings(findings: Sequence[Finding]) -> list[pb.Finding]:
    return [
        pb.Finding(
            kind=_KINDS[finding.kind],
            collection=finding.collection,
            model=finding.model,
            image_id=finding.image_id,
            generation=finding.generation,
            repaired=finding.repaired,
        )
        for finding in findings
    ]
