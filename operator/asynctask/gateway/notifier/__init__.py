"""Tells people and programs what happened: events → outbox → channels. Runs in the gateway that leads.

`listening` turns what the archiver sees into events, in its transaction. `telling` applies the rules and fills the
outbox and the inboxes. `lanes` send, a lane a channel, so that a slow one holds up nothing else. `notifier` holds them
together.
"""
