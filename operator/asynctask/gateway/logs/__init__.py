"""Logs of stages: taken in (`book`), collected (`collector`, `reader`), followed (`feed`), removed (`sweeping`)."""
