"""attributes.yaml, and the names that SQL takes from it."""

from __future__ import annotations

from copy import deepcopy

import pytest
from spanledger_collector.contract import Contract


def test_an_attribute_that_would_feed_two_fields_is_refused_by_name() -> None:
    raw = deepcopy(Contract.load().raw)
    raw["of_span"]["agent_name"] = ["gen_ai.agent.name", "user.id"]

    with pytest.raises(ValueError, match=r"user\.id feeds both user_id and agent_name"):
        Contract(raw)


@pytest.mark.parametrize(("sql", "named"), [("SELECT @field(tean)", "tean"), ("SELECT @no_such_list", "no_such_list")])
def test_a_name_that_the_contract_does_not_have_is_refused(sql: str, named: str) -> None:
    with pytest.raises(KeyError, match=named):
        Contract.load().render(sql)


def test_the_code_of_an_attribute_and_its_column_never_changes() -> None:
    """Stored rows are read by it: whatever else attributes.yaml comes to say, and in whatever order."""
    codes = {code.key: (code.code, code.column, code.type) for code in Contract.load().codes}

    assert codes["gen_ai.request.model"] == ("6eca3655", "request_model", "string")
    assert codes["gen_ai.usage.input_tokens"] == ("6e0cc4b8", "input_tokens", "int")
    assert len({code for code, _, _ in codes.values()}) == len(codes)


def test_the_first_source_of_a_field_is_preferred() -> None:
    numbers = Contract.load().numbers("of_span")

    assert numbers["gen_ai.provider.name"] < numbers["gen_ai.system"]


def test_a_quote_in_a_name_stays_inside_its_literal() -> None:
    raw = {**Contract.load().raw, "tag_prefix": "it's \\ odd"}

    assert Contract(raw).render("@tag_prefix") == r"'it\'s \\ odd'"
