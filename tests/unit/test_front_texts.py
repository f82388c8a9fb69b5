"""The catalogue has every code in every language, with the same parameters."""

import pytest

from asynctask import texts
from asynctask.api.reasons import Reason
from asynctask.gateway.front import routes
from asynctask.gateway.front.problems import every_refusal

assert routes.all_operations  # with them, whatever defines refusals has been imported


@pytest.mark.parametrize("code", texts.codes())
def test_a_text_is_there_in_every_language_with_the_same_parameters(code: str) -> None:
    english = texts.parameters(code, "en")
    assert {language: texts.parameters(code, language) for language in texts.LANGUAGES} == {
        "en": english,
        "zh": english,
    }


@pytest.mark.parametrize("code", sorted({kind.code for kind in every_refusal()}))
def test_every_refusal_has_a_text(code: str) -> None:
    assert texts.knows(code)


@pytest.mark.parametrize("status", sorted({kind.status for kind in every_refusal()}))
def test_every_status_has_a_title(status: int) -> None:
    assert texts.knows(f"status.{status}")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9", "zh"),
        ("fr, zh;q=0.5, en;q=0.4", "zh"),
        ("en-GB", "en"),
        ("zh;q=x", "en"),
        ("*", "en"),
    ],
)
def test_the_language_is_the_caller_s(header: str, language: str) -> None:
    assert texts.preferred(header) == language


def test_what_is_not_given_stays_visible() -> None:
    assert texts.say("TooLarge", {"max": 5}) == "A body has at most 5 bytes."
    assert "{max}" in texts.say("TooLarge")
    assert texts.say("NoSuchCode") == "NoSuchCode"


@pytest.mark.parametrize("reason", sorted(Reason))
def test_every_reason_has_a_text(reason: Reason) -> None:
    assert texts.knows(reason)
