"""One stream of events a client, over which all that it follows comes: `hub.Hub`.

aiohttp-sse is not used: it encodes each event once a client and keeps a ping task for each. With a thousand clients
that is the larger part of the work; here an event is bytes once, and all clients share them.
"""
