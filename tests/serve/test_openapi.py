"""schemathesis, which makes requests up from the OpenAPI document, against a real server."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from running_server import start
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def api(shared_home, tmp_path_factory):
    """Return the document of a server that may be changed, and answers by quoting alone."""
    work = tmp_path_factory.mktemp("api")
    server = start(work / "kb", shared_home, work, "--create", "--set", "generate.generator=none")
    manual = "# Pump\n\nThe drain plug torque is 35 N·m.\n"
    with server.client() as client:
        client.put("/ragedge/v1/documents/pump.md", content=manual.encode()).raise_for_status()
    yield schemathesis.openapi.from_url(f"{server.url}/ragedge/v1/openapi.json")
    assert server.stop() == 0, server.log.read_text()


def operations(api):
    return [result.ok() for result in api.get_all_operations()]


def test_the_document_names_every_route(api, manual_kb):
    import ragedge
    from ragedge.serve.app import create_app

    with ragedge.open(manual_kb) as kb:
        routes = create_app(kb).routes
    served = {
        (method, route.path.replace(":path}", "}").replace(":int}", "}"))
        for route in routes
        for method in (route.methods or ()) - {"HEAD"}
        if route.path.startswith("/ragedge/v1/")
    }
    paths = api.raw_schema["paths"]
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == served


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_server_and_every_answer_is_as_documented(api, mode):
    tried = 0
    for operation in operations(api):

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=30, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
        )
        def send(case):
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=CHECKS, timeout=60)

        try:
            send()
        except Unsatisfiable:  # nothing can be wrong with a request without parameters
            assert mode is GenerationMode.NEGATIVE
    assert tried > 100
