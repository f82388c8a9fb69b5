"""Write a stage of an AsyncTask in a page of Python.

import asynctask_stage

def main(stage: asynctask_stage.Stage):
    state = stage.checkpoint or {"done": 0}
    for n in range(state["done"], 100):
        stage.check()
        work(n)
        stage.progress(items_done=n + 1, items_total=100)
        stage.save({"done": n + 1})
    return {"items": 100}

asynctask_stage.run(main)
"""

from asynctask_stage.contexts import Config, Context, Outputs
from asynctask_stage.errors import (
    ErrorClass,
    PermanentError,
    StageError,
    Stopped,
    Superseded,
    ThrottledError,
    TransientError,
    classify,
)
from asynctask_stage.runs import run, stage
from asynctask_stage.stages import Stage

__all__ = [
    "Config",
    "Context",
    "ErrorClass",
    "Outputs",
    "PermanentError",
    "Stage",
    "StageError",
    "Stopped",
    "Superseded",
    "ThrottledError",
    "TransientError",
    "classify",
    "run",
    "stage",
]
