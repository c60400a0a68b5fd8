"""What Prometheus is given of any process, and in which format."""

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder


def process_registry() -> CollectorRegistry:
    """A registry with what the process itself shows: memory, processor time, open files."""
    # When a counter began is when the process did.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it so
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def encoded(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Everything in *registry*, in the format that *accept* asks for; and its content type."""
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
