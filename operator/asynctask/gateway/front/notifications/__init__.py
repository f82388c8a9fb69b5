"""Notifications in the API: inboxes and subscriptions of users, rules of administrators, channels and dead letters."""
