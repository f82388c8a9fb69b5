"""Whatever is sent to any operation of the document: never an error of ours, and never an answer that is not described.

ASYNCTASK_API_EXAMPLES says how many calls each operation gets; the default keeps this below a minute.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import hypothesis
import openapi_spec_validator
import pytest
import requests
import schemathesis
from front import estate
from front.processes import gateway_process
from front.world import World
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from asynctask.adapters import cluster as api
from asynctask.adapters.connection import Connection
from asynctask.crdgen import frontdoor

EXAMPLES = int(os.environ.get("ASYNCTASK_API_EXAMPLES", "4"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENT = schemathesis.openapi.from_dict(json.loads(frontdoor.openapi_text()))


def test_the_document_is_valid_openapi() -> None:
    openapi_spec_validator.validate(json.loads(frontdoor.openapi_text()))


def operations() -> dict[str, Any]:
    """By name; streams do not end by themselves and have tests of their own."""
    found = {}
    for result in DOCUMENT.get_all_operations():
        operation = result.ok()
        raw = operation.definition.raw
        media = {kind for answer in raw["responses"].values() for kind in answer.get("content", {})}
        if "text/event-stream" not in media:
            found[raw["operationId"]] = operation
    return found


OPERATIONS = operations()


@pytest.fixture(scope="module")
def session(
    kubeconfig: Path, connection: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, requests.Session]]:
    """A gateway, and somebody with every right in one namespace."""
    directory = tmp_path_factory.mktemp("anything")

    async def prepare() -> tuple[str, str]:
        async with api.Cluster(connection) as cluster, aiohttp.ClientSession() as http:
            world = World(cluster, directory, http)
            namespace = await world.namespace()
            await estate.make_endpoint(world, namespace)
            for _ in range(3):
                await world.task(namespace)
            person = await world.person(
                namespace, (("*", "*"),), (("tasktypes", "get,list"), ("taskqueues", "get,list"))
            )
            return namespace, await world.token(namespace, person)

    namespace, token = asyncio.run(prepare())
    with (
        gateway_process(
            kubeconfig, directory, ASYNCTASK_API_CALLS_PER_SECOND="100000", ASYNCTASK_API_DEFAULT_NAMESPACE=namespace
        ) as url,
        requests.Session() as session,
    ):
        session.headers["Authorization"] = f"Bearer {token}"
        yield url, session
        assert "a call failed" not in (directory / "gateway.log").read_text()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_nothing_breaks_it(session: tuple[str, requests.Session], name: str) -> None:
    url, http = session

    @hypothesis.given(case=OPERATIONS[name].as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="ASYNCTASK_API_EXAMPLES" not in os.environ,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def call(case: Case) -> None:
        response = case.call(base_url=url, session=http, timeout=60, allow_redirects=False)
        case.validate_response(response, checks=CHECKS)

    call()
