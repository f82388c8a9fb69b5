"""Logs of stages: taken in (`book`), collected from pods (`collector`), followed (`feed`), removed (`sweeping`)."""
