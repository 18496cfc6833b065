from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ovh_spawner.domain.problems import field_path, nearest, problems_from, show


class Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Circle(Part):
    kind: Literal["circle"]
    outer_radius: float


class Square(Part):
    kind: Literal["square"]
    side: float = Field(gt=0)


class Drawing(Part):
    shapes: dict[str, Annotated[Circle | Square, Field(discriminator="kind")]]
    access_key: int = 0


def problems(data):
    with pytest.raises(ValidationError) as refused:
        Drawing.model_validate(data)
    return [(p.field, p.message) for p in problems_from(refused.value, "drawing", model=Drawing)]


def test_a_unions_tag_is_no_part_of_the_place_even_when_a_key_has_its_name():
    found = problems({"shapes": {"circle": {"kind": "circle", "outerRadios": 1}}})

    assert found == [
        ("drawing.shapes.circle.outerRadius", "is required."),
        (
            "drawing.shapes.circle",
            (
                "The key 'outerRadios' is not known here. Did you mean 'outerRadius'? "
                "Allowed: kind, outerRadius."
            ),
        ),
    ]


def test_a_rule_of_a_field_is_told_with_its_value():
    found = problems({"shapes": {"a": {"kind": "square", "side": -1}}})

    assert found == [("drawing.shapes.a.side", "must be greater than 0.0, not -1.")]


def test_an_unknown_tag_names_the_known_ones():
    ((field, message),) = problems({"shapes": {"a": {"kind": "oval"}}})

    assert field == "drawing.shapes.a"
    assert "'circle', 'square'" in message


def test_the_value_of_a_field_that_may_be_secret_is_not_told():
    ((field, message),) = problems({"shapes": {}, "accessKey": "s3cret"})

    assert field == "drawing.accessKey"
    assert "s3cret" not in message


def test_without_a_model_unknown_keys_are_told_without_a_guess():
    with pytest.raises(ValidationError) as refused:
        Drawing.model_validate({"shapes": {}, "shape": {}})

    (problem,) = problems_from(refused.value)
    assert problem.message == "The key 'shape' is not known here."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (-(10**30), "-1000000000000000000000000000000"),
        (1.5, "1.5"),
        ("it's", '"it\'s"'),
        ("a\nb\x1b", "'a\\nb\\x1b'"),
        ("x" * 100, "'" + "x" * 80 + "…'"),
        ("see https://ana:s3cret@host/x", "'see https://…@host/x'"),
        ("https://ana:s3/cr@et@host/" + "x" * 400, "'https://…@host/" + "x" * 65 + "…'"),
        ({"a": 1}, "an object"),
        ([1], "a list"),
    ],
)
def test_a_value_is_shown_short_printable_and_without_credentials(value, text):
    assert show(value) == text


def test_a_number_that_python_would_not_print_is_described():
    assert show(10**5000) == "a number of more than 77 digits"


def test_the_nearest_word_is_found_whatever_its_case():
    assert nearest("EDITORID", ["editorId", "frameworkId"]) == "editorId"
    assert nearest("zzz", ["editorId"]) == ""
    assert nearest("x" * 100_000, ["editorId"]) == ""


def test_a_place_is_written_as_the_api_writes_it():
    assert field_path(("volumes", 0, "mountPath")) == "volumes[0].mountPath"
    assert field_path((0, "a"), "items") == "items[0].a"
    assert field_path(("\udc80",)) == "\\udc80"


def test_of_thousands_of_problems_only_those_that_are_shown_are_worded(monkeypatch):
    worded = []
    monkeypatch.setattr(
        "ovh_spawner.domain.problems.unknown_key", lambda key, known: worded.append(key) or "unknown"
    )

    found = problems({"shapes": {}} | {f"key{number}": 0 for number in range(19_000)})

    assert found[-1] == ("", "18950 more problems are not listed.")
    assert len(worded) == 50
