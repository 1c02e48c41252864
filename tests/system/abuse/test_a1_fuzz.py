"""A1: every operation of the API documents, asked for with what they allow and with what they do not.

Each request goes to the gateway and to its service's own door. The quick form sends the same ones each time.
"""

import os
import time

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, Verbosity
from schemathesis import GenerationMode, openapi
from schemathesis.specs.openapi.checks import response_schema_conformance

from .fuzzing import MOST_GROWTH, PROMISING, Judge, Operation, growth, memory, operations, promised
from .site import LONG, long, told

# For each service in the long form: ten minutes in all.
SECONDS = {"embedded": float(os.environ.get("FUZZ_SECONDS", "150")), "real": 50.0}
EXAMPLES = long(20, 4)  # of each operation and mode: in a round of the long form, and in all of the quick one
HERE = "http://here"


@pytest.mark.parametrize("service", PROMISING)
def test_every_operation_answers_as_its_document_says(fuzzed, service):
    judge, schema = Judge(fuzzed), openapi.from_dict(promised(service))
    before, end, rounds = memory(fuzzed), time.monotonic() + SECONDS[fuzzed.kind], 0
    while rounds == 0 or (LONG and time.monotonic() < end):
        for operation in operations(service):
            for mode in operation.modes:
                fuzz(judge, operation, schema[operation.path][operation.method], mode, seed=rounds)
        rounds += 1
        before = memory(fuzzed) if rounds == 1 and LONG else before
    grown = growth(fuzzed, before)
    told("A1", fuzzed.kind, f"generated requests to {service}, by both doors: server errors, undocumented statuses",
         judge.sent[service], len(judge.wrong), f"{rounds} rounds; memory +{grown:.0f} MB")  # fmt: skip
    assert not judge.wrong, "\n".join(judge.wrong)
    assert fuzzed.unexpected() == []
    assert grown < MOST_GROWTH


def fuzz(judge: Judge, operation: Operation, known, mode: GenerationMode, seed: int) -> None:
    """A few requests of an operation. What is wrong with the answers is noted, and the next is tried."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=not LONG, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
    )  # fmt: skip
    @hypothesis.given(known.as_strategy(generation_mode=mode))
    def ask(case) -> None:
        sent = case.as_transport_kwargs(base_url=HERE)
        options = {name: sent[name] for name in ("params", "json", "data") if name in sent}
        kind = {name: value for name, value in sent["headers"].items() if name == "Content-Type"}
        for answer in judge.send(operation, sent["url"].removeprefix(HERE), headers=kind, **options):
            if answer.ok:
                case.validate_response(answer, checks=[response_schema_conformance])

    ask()
