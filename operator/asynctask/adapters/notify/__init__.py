"""The ways to people and programs: mail, webhook, SMS gateway, and chat through apprise. Each sends one message, once.

Whether and when to try again is decided elsewhere; a channel only says what kind of failure it was. No secret, and no
URL that may hold one, gets into an error or a log.
"""
