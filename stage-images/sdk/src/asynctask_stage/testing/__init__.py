"""Test a stage without a cluster: in the test's own process, or as a real process against a fake gateway."""

from asynctask_stage.testing.gateways import FakeGateway
from asynctask_stage.testing.inprocess import Result, run_stage
from asynctask_stage.testing.processes import ProcessResult, run_process

__all__ = ["FakeGateway", "ProcessResult", "Result", "run_process", "run_stage"]
