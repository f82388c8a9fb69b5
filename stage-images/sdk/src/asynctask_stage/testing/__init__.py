"""Test a stage without a cluster: in the test's own process, or as a real process against a fake gateway."""

from asynctask_stage.testing.inprocess import Result, run_stage

__all__ = ["Result", "run_stage"]
