"""`/api/v1/notifications`: who is told of what, and whether it reached them."""

from typing import Any

from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.cursors import NoArchive
from asynctask.gateway.front.notifications import deliveries, inboxes, models
from asynctask.gateway.front.notifications.common import NotDead, TooManyRules
from asynctask.gateway.front.notifications.rulebooks import Rulebook
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import InvalidField, NotFound, PreconditionFailed, Refusal

TAG = "notifications"
ROOT = "/api/v1/notifications"
KEPT: tuple[type[Refusal], ...] = (NoArchive,)


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on notifications."""
    own: dict[str, Any] = {"audited": False}
    return (
        Operation(
            "GET", ROOT, "listNotifications", "The caller's inbox, newest first", TAG, inboxes.page,
            query=models.InboxQuery, answer=models.Inbox, errors=(InvalidField, *KEPT),
        ),
        Operation(
            "GET", f"{ROOT}/unread", "countUnreadNotifications", "How many entries of the inbox are unread", TAG,
            inboxes.unread, answer=models.Unread, errors=KEPT,
        ),
        Operation(
            "POST", f"{ROOT}/marks", "markNotifications", "Mark entries of the inbox as read", TAG, inboxes.mark,
            body=models.Marking, answer=models.Changed, errors=(InvalidField, *KEPT), **own,
        ),
        Operation(
            "GET", f"{ROOT}/contact", "getNotificationContact", "How the caller is reached", TAG, inboxes.contact,
            answer=models.KnownContact, errors=KEPT,
        ),
        Operation(
            "PUT", f"{ROOT}/contact", "setNotificationContact", "Say how to be reached", TAG, inboxes.keep_contact,
            body=models.Contact, answer=models.KnownContact, errors=(InvalidField, *KEPT), **own,
        ),
        *_rules(
            Rulebook(is_own=True), "subscriptions", "Subscription", models.NewSubscription, models.KeptSubscription,
            models.Subscriptions,
        ),
        *_rules(Rulebook(is_own=False), "rules", "NotificationRule", models.NewRule, models.KeptRule, models.Rules),
        Operation(
            "GET", f"{ROOT}/channels", "listNotificationChannels", "The ways to people and programs", TAG,
            deliveries.channels, answer=models.Channels, errors=KEPT,
        ),
        Operation(
            "POST", f"{ROOT}/channels/{{channel}}/tests", "testNotificationChannel", "Send a test message", TAG,
            deliveries.test, body=models.Test, body_optional=True, answer=models.Delivery, status=202,
            errors=(NotFound, InvalidField, *KEPT),
        ),
        Operation(
            "GET", f"{ROOT}/deliveries", "listNotificationDeliveries", "Messages in a state, such as those given up",
            TAG, deliveries.page, query=models.DeliveryQuery, answer=models.Deliveries,
            errors=(NotFound, InvalidField, *KEPT),
        ),
        Operation(
            "GET", f"{ROOT}/deliveries/{{message_id}}", "getNotificationDelivery", "One message, and what it tells of",
            TAG, deliveries.get, answer=models.Delivery, errors=(NotFound, *KEPT),
        ),
        Operation(
            "POST", f"{ROOT}/deliveries/{{message_id}}/redelivery", "redeliverNotification",
            "Send a message that was given up again", TAG, deliveries.again, answer=models.Delivery, status=202,
            errors=(NotFound, NotDead, *KEPT),
        ),
        Operation(
            "POST", f"{ROOT}/redeliveries", "redeliverNotifications", "Send many that were given up again", TAG,
            deliveries.all_again, body=models.Redelivery, answer=models.Changed, status=202, errors=(NotFound, *KEPT),
        ),
    )  # fmt: skip


def _rules(
    book: Rulebook, plural: str, noun: str, new: type[Any], kept: type[Any], listed: type[Any]
) -> tuple[Operation, ...]:
    one, what = f"{ROOT}/{plural}/{{rule_id}}", "subscription" if book.is_own else "rule"
    whose = "of the caller" if book.is_own else "of the administrators"
    return (
        Operation(
            "GET", f"{ROOT}/{plural}", f"list{noun}s", f"All {what}s {whose}", TAG, book.listed, answer=listed,
            errors=KEPT,
        ),
        Operation(
            "POST", f"{ROOT}/{plural}", f"create{noun}", f"Make a {what}", TAG, book.create, body=new, answer=kept,
            status=201, errors=(NotFound, InvalidField, TooManyRules, *KEPT),
        ),
        Operation("GET", one, f"get{noun}", f"One {what}", TAG, book.get, answer=kept, errors=(NotFound, *KEPT)),
        Operation(
            "PUT", one, f"replace{noun}", f"Change a {what}; `If-Match` names the version that was seen", TAG,
            book.replace, body=new, answer=kept, errors=(NotFound, InvalidField, PreconditionFailed, *KEPT),
            takes_version=True),
        Operation("DELETE", one, f"delete{noun}", f"Take a {what} away", TAG, book.remove, errors=(NotFound, *KEPT)),
    )  # fmt: skip
