"""Who is told of what: rules, recipients, and each of them once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from asynctask.api.notification import RECIPIENT, TaskNotification
from asynctask.core.notifications.events import Event, Kind
from asynctask.core.notifications.people import INBOX, Channel, Directory, Person, targets, users
from asynctask.core.notifications.rules import BUILT_IN, Match, Rule, is_mail, is_phone

FAILED = Event(
    id="task/u1/end/1", kind=Kind.FAILED, turn=Kind.FIRST_FAILURE, time=datetime(2030, 1, 1, tzinfo=UTC), namespace="nas",
    subject="u1", name="nightly", task_id="u1", task_type="file-backup", priority=2, queue="default", initiator="li",
)  # fmt: skip
LI = Person("li", mail="li@example.com", phone="+4912345", language="zh", time_zone="Asia/Shanghai")
MAIL, SMS = Channel("mail", "smtp", by_default=True), Channel("sms", "sms")
HOOK, CHAT = Channel("hook", "webhook"), Channel("chat", "apprise")
DIRECTORY = Directory({c.name: c for c in (MAIL, SMS, HOOK, CHAT)}, {"li": LI}, ("user:ops", "mail:ops@example.com"))


def reached(event: Event, *rules: Rule, directory: Directory = DIRECTORY) -> list[str]:
    named = [(f"rule/{number}", rule) for number, rule in enumerate(rules)]
    return [f"{target.channel} {target.address}".strip() for target in targets(event, named, directory)]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"events": ["Failed"]}, True),
        ({"events": ["FirstFailure"]}, True),
        ({"events": ["Succeeded"]}, False),
        ({"namespaces": ["nas", "other"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"types": ["file-backup"], "priorities": [1, 2]}, True),
        ({"types": ["file-backup"], "priorities": [3]}, False),
        ({"queues": ["default"]}, True),
        ({"initiators": ["an"]}, False),
        ({"schedules": ["nightly"]}, False),
    ],
)
def test_a_rule_fits_when_all_its_fields_do(match: dict[str, Any], fits: bool) -> None:
    assert Match.model_validate(match).fits(FAILED) is fits


def test_an_initiator_is_reached_by_inbox_and_mail_in_his_language() -> None:
    (inbox, mail) = targets(FAILED, [("rule/1", Rule(to=("initiator",)))], DIRECTORY)
    assert (inbox.channel, inbox.address) == (INBOX, "li")
    assert (mail.channel, mail.address, mail.language, mail.time_zone) == (
        "mail",
        "li@example.com",
        "zh",
        "Asia/Shanghai",
    )


def test_who_has_no_address_has_an_inbox() -> None:
    assert reached(replace(FAILED, initiator="an"), Rule(to=("initiator",))) == ["inbox an"]
    assert reached(replace(FAILED, initiator=""), Rule(to=("initiator",))) == []


def test_a_rule_chooses_channels_and_a_person_may_mute_them() -> None:
    assert reached(FAILED, Rule(to=("user:li",), channels=("sms",))) == ["inbox li", "sms +4912345"]
    muted = replace(DIRECTORY, people={"li": replace(LI, muted=frozenset({"mail"}))})
    assert reached(FAILED, Rule(to=("user:li",)), directory=muted) == ["inbox li"]


def test_whoever_is_named_by_several_rules_is_told_once() -> None:
    rules = (Rule(to=("initiator", "mail:li@example.com")), Rule(to=("user:li", "administrators")))
    assert reached(FAILED, *rules) == ["inbox li", "mail li@example.com", "inbox ops", "mail ops@example.com"]


def test_a_rule_that_is_off_tells_nobody() -> None:
    assert reached(FAILED, Rule(to=("administrators",), enabled=False)) == []


def test_a_review_goes_to_the_approvers_and_else_to_the_administrators() -> None:
    wanted = replace(FAILED, kind=Kind.REVIEW_WANTED, turn=None, params={"approvers": ["li"]})
    assert reached(wanted, BUILT_IN["reviewers"]) == ["inbox li", "mail li@example.com"]
    assert reached(replace(wanted, params={}), BUILT_IN["reviewers"]) == ["inbox ops", "mail ops@example.com"]


def test_a_group_of_approvers_is_told_by_the_addresses_that_are_known_for_it() -> None:
    known = replace(DIRECTORY, groups={"storage": ("user:li", "mail:storage@example.com", "channel:chat")})
    wanted = replace(FAILED, kind=Kind.REVIEW_WANTED, turn=None, params={"approverGroups": ["storage", "unknown"]})
    told = ["inbox li", "mail li@example.com", "mail storage@example.com", "chat"]
    assert reached(wanted, BUILT_IN["reviewers"], directory=known) == told
    both = replace(wanted, params={"approvers": ["li"], "approverGroups": ["storage"]})
    assert reached(both, BUILT_IN["reviewers"], directory=known) == told, "once each"
    unknown = replace(wanted, params={"approverGroups": ["unknown"]})
    assert reached(unknown, BUILT_IN["reviewers"], directory=known) == ["inbox ops", "mail ops@example.com"]
    assert users(("reviewers",), both, {"storage": ("user:an", "mail:x@y.z")}) == {"li", "an"}


def test_chat_and_webhooks_are_named_and_unknown_channels_reach_nobody() -> None:
    assert reached(FAILED, Rule(to=("channel:chat", "channel:hook", "channel:gone"))) == ["chat", "hook"]


def test_programs_get_each_event_for_itself() -> None:
    chat, hook = targets(FAILED, [("r", Rule(to=("channel:chat", "channel:hook"), group_seconds=60))], DIRECTORY)
    assert (chat.group_seconds, hook.group_seconds) == (60, 0)
    assert chat.max_per_hour == 30
    assert hook.max_per_hour > 100_000


def test_a_task_has_wishes_of_its_own() -> None:
    wish = {"on": ["FirstFailure"], "to": ["mail:an@example.com"]}
    assert reached(replace(FAILED, notify=(wish,))) == ["mail an@example.com"]
    assert reached(replace(FAILED, turn=None, notify=(wish,))) == []
    assert reached(replace(FAILED, notify=({"on": "rubbish"},))) == []


def test_tasks_and_subscriptions_write_only_to_domains_that_are_allowed() -> None:
    closed = replace(DIRECTORY, mail_domains=frozenset({"example.com"}))
    for address, allowed in (("an@example.com", True), ("an@EXAMPLE.com", True), ("an@elsewhere.org", False)):
        wish = {"on": ["Failed"], "to": [f"mail:{address}"]}
        assert bool(reached(replace(FAILED, notify=(wish,)), directory=closed)) is allowed
        for name in ("subscription/7", "namespace/7"):
            assert bool(targets(FAILED, [(name, Rule(to=(f"mail:{address}",)))], closed)) is allowed
        assert reached(FAILED, Rule(to=(f"mail:{address}",)), directory=closed) == [f"mail {address}"]


def test_only_users_whose_addresses_matter_are_looked_up() -> None:
    assert users(("initiator", "user:an", "administrators", "mail:x@y.z"), FAILED, {}) == {"li", "an"}


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "everybody",
        "user:",
        "mail:a",
        "mail:a@b, c@d",
        "mail:a@b\r\nBcc: x@y",
        "sms:call me",
        "sms:+49 1",
        "channel:A B",
        "user:a\nb",
    ],
)
def test_recipients_that_are_none_are_refused(recipient: str) -> None:
    with pytest.raises(ValidationError):
        Rule(to=(recipient,))
    with pytest.raises(ValidationError):
        TaskNotification.model_validate({"on": ["Failed"], "to": [recipient]})


@given(st.text(max_size=80))
def test_what_passes_as_an_address_is_one_word(text: str) -> None:
    if is_mail(text):
        assert text.count("@") == 1
        assert not any(c.isspace() or c in ',;<>"' for c in text)
    if is_phone(text):
        assert text.lstrip("+").isdigit()


RECIPIENTS = st.lists(
    st.from_regex(RECIPIENT, fullmatch=True).filter(lambda text: len(text) <= 330), min_size=1, max_size=6
)


@given(RECIPIENTS, st.sampled_from(Kind), st.lists(st.sampled_from(Kind), max_size=4), st.booleans())
def test_whatever_the_rules_nobody_is_told_twice_and_only_by_channels_that_are_there(
    to: list[str], kind: Kind, wanted: list[Kind], enabled: bool
) -> None:
    rule = Rule(match=Match(events=tuple(wanted)), to=tuple(to), enabled=enabled)
    event = replace(FAILED, kind=kind, turn=None)
    found = targets(event, [("rule/1", rule), ("rule/2", rule)], DIRECTORY)
    assert len({target.key for target in found}) == len(found)
    assert {target.channel for target in found} <= {INBOX, *DIRECTORY.channels}
    assert not found or (enabled and (not wanted or kind in wanted))
