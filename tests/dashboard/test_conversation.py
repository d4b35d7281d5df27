"""Conversations: what apps send again and again is shown once."""

from __future__ import annotations

from typing import Any

from spanledger_dashboard.conversation import messages_of, news


def message(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


ASKED, ANSWERED, MORE, LAST = (message(role, role * 2) for role in ("user", "assistant", "tool", "system"))


def test_of_a_conversation_that_is_sent_again_only_the_end_is_new() -> None:
    assert news([ASKED, ANSWERED, MORE, LAST], [ASKED, ANSWERED]) == [MORE, LAST]
    assert news([ASKED, ANSWERED, LAST], [ASKED, ANSWERED, MORE]) == [LAST]


def test_an_answer_that_comes_again_in_the_next_request_is_known() -> None:
    answered, again = ANSWERED | {"kind": "output"}, ANSWERED | {"kind": "input"}
    assert news([ASKED, again, MORE], [ASKED, answered]) == [MORE]


def test_a_conversation_that_only_begins_like_the_last_one_is_another() -> None:
    assert news([ASKED, LAST], [ASKED, ANSWERED, MORE]) == [ASKED, LAST]
    assert news([ASKED], []) == [ASKED]


def test_what_is_no_message_is_shown_as_it_is() -> None:
    assert messages_of("plain words") == [{"role": "", "parts": [{"type": "text", "content": "plain words"}]}]
    assert messages_of('[{"role": "user"}, 3]') == [{"role": "user"}]
