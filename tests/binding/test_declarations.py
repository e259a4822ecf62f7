"""Declarations mean what FastAPI's mean: compared with the real ones, attribute by attribute."""

import copy
import dataclasses
import inspect
import linecache
import re
import warnings
from typing import Annotated, Any, get_type_hints

import anyio
import fastapi
import fastapi.datastructures
import fastapi.exceptions
import fastapi.params
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, Discriminator, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from starlette.datastructures import Headers
from starlette.datastructures import UploadFile as StarletteUploadFile

from trivium.binding import declare, params
from trivium.binding.defaults import UNSET, Default, DefaultPlaceholder, value_or_default
from trivium.binding.params import ParamOptions
from trivium.binding.schemes import SecurityScopes
from trivium.binding.uploads import UploadFile
from trivium.errors import DeclarationError, TriviumDeprecationWarning

PARAMETERS = ["Path", "Query", "Header", "Cookie", "Body", "Form", "File"]
CLASSES = ["Param", *PARAMETERS]
PATTERN = re.compile("^b")
DISCRIMINATOR = Discriminator("kind")


def factory() -> int:
    return 1


def extra(schema: dict[str, Any]) -> None:
    schema["x"] = 1


# For each keyword of all declarations, values that differ in what they do, `None` among them.
VALUES: dict[str, list[Any]] = {
    "default_factory": [None, factory],
    "alias": [None, "", "other"],
    "alias_priority": [None, 1, 2],
    "validation_alias": [None, "v", AliasChoices("a", "b"), AliasPath("a", 0)],
    "serialization_alias": [None, "s"],
    "title": [None, "", "Title"],
    "description": [None, "words"],
    "gt": [None, 0, 1.5],
    "ge": [None, 0],
    "lt": [None, 9],
    "le": [None, 9],
    "min_length": [None, 0, 2],
    "max_length": [None, 3],
    "pattern": [None, "", "^a", PATTERN],
    "regex": [None, "", "^r"],
    "discriminator": [None, "kind", DISCRIMINATOR],
    "strict": [None, True, False],
    "validate_default": [None, True, False],
    "union_mode": [None, "smart", "left_to_right"],
    "fail_fast": [None, True],
    "multiple_of": [None, 2],
    "allow_inf_nan": [None, False],
    "max_digits": [None, 4],
    "decimal_places": [None, 2],
    "examples": [None, [], [1]],
    "example": [None, 1],
    "openapi_examples": [None, {"one": {"value": 1}}],
    "deprecated": [None, True, "soon"],
    "include_in_schema": [True, False],
    "json_schema_extra": [None, {"x": 1}, extra],
}
OWN_VALUES: dict[str, dict[str, list[Any]]] = {
    "Header": {"convert_underscores": [True, False]},
    "Body": {"embed": [None, True, False], "media_type": ["text/csv"]},
    "Form": {"media_type": ["text/csv"]},
    "File": {"media_type": ["text/csv"]},
}
DEFAULTS = [..., PydanticUndefined, None, 1, "text", []]


def compared(info: FieldInfo) -> dict[str, Any]:
    """Every attribute of a declaration, Pydantic's and its own, and how it is shown."""
    names = {name for name in FieldInfo.__slots__ if hasattr(info, name)} | vars(info).keys()
    own = {"in_", "example", "include_in_schema", "openapi_examples", "embed", "media_type"}
    found = {name: getattr(info, name, "absent") for name in names | own | {"convert_underscores"}}
    if isinstance(found["example"], DefaultPlaceholder | fastapi.datastructures.DefaultPlaceholder):
        found["example"] = "not given"
    if found["in_"] != "absent":
        found["in_"] = found["in_"].value
    # Pydantic's own metadata objects are equal only to themselves.
    found["metadata"] = [repr(entry) for entry in info.metadata]
    return found | {"repr": repr(info), "required": info.is_required()}


def outcome(make: Any, *args: Any, **options: Any) -> Any:
    """What a declaration is, or how it is refused; and how often it warned."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = compared(make(*args, **options))
        except (TypeError, AssertionError) as error:
            result = AssertionError if isinstance(error, AssertionError) else type(error)
    return result, [issubclass(warning.category, UserWarning) for warning in caught]


def both(name: str, via: str) -> tuple[Any, Any]:
    if via == "class":
        return getattr(params, name), getattr(fastapi.params, name)
    return getattr(declare, name), getattr(fastapi, name)


@pytest.mark.parametrize("via", ["class", "function"])
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("default", DEFAULTS, ids=repr)
def test_a_default_alone_makes_what_fastapi_makes(name, via, default):
    ours, theirs = both(name, via)

    assert outcome(ours, default) == outcome(theirs, default)
    assert outcome(ours) == outcome(theirs)
    assert outcome(ours, default=default) == outcome(theirs, default=default)


@pytest.mark.parametrize("via", ["class", "function"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_keyword_does_what_it_does_in_fastapi(name, via):
    ours, theirs = both(name, via)

    for keyword, values in (VALUES | OWN_VALUES.get(name, {})).items():
        for value in values:
            assert outcome(ours, **{keyword: value}) == outcome(theirs, **{keyword: value}), keyword


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("annotation", [None, int, "int"])
def test_a_class_takes_an_annotation_as_fastapis_does(name, annotation):
    ours, theirs = both(name, "class")

    assert outcome(ours, annotation=annotation) == outcome(theirs, annotation=annotation)


@given(data=st.data())
def test_keywords_combined_do_what_they_do_in_fastapi(data):
    name = data.draw(st.sampled_from(CLASSES))
    values = VALUES | OWN_VALUES.get(name, {})
    keywords = data.draw(st.sets(st.sampled_from(sorted(values))))
    options = {keyword: data.draw(st.sampled_from(values[keyword])) for keyword in sorted(keywords)}
    args = data.draw(st.sampled_from([(), *((default,) for default in DEFAULTS)]))
    ours, theirs = both(name, "class")

    assert outcome(ours, *args, **options) == outcome(theirs, *args, **options)


@pytest.mark.parametrize("name", PARAMETERS)
def test_no_keyword_of_fastapi_is_missing_and_none_is_added_but_our_own(name):
    _, theirs = both(name, "function")
    ours = inspect.signature(getattr(declare, name)).parameters.keys() - {"options"}
    added = {"keep_empty"} if name == "Form" else set()

    expected = inspect.signature(theirs).parameters.keys() | added
    assert ours | get_type_hints(ParamOptions).keys() == expected


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("keyword", ["embeded", "extra", "in_"])
def test_a_keyword_that_nothing_reads_is_refused(name, keyword):
    for via in ("class", "function"):
        with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword .*{keyword}"):
            both(name, via)[0](**{keyword: 1})


@pytest.mark.parametrize("name", ["Query", "Form", "File"])
def test_only_a_body_can_be_embedded(name):
    with pytest.raises(TypeError, match="embed"):
        getattr(declare, name)(embed=True)


def test_a_misspelled_keyword_is_answered_with_the_nearest_one():
    with pytest.raises(TypeError, match="did you mean 'min_length'"):
        declare.Query(minlength=3)


def test_a_default_on_a_path_parameter_is_refused_with_the_line_as_written():
    with pytest.raises(DeclarationError) as caught:
        declare.Path(3)

    assert "Path parameters cannot have a default value" in str(caught.value)
    assert caught.value.written == "declare.Path(3)"
    assert caught.value.where.startswith(f'File "{__file__}"')
    assert caught.value.instead is not None


@pytest.mark.parametrize("keyword", ["regex", "example"])
@pytest.mark.parametrize("name", CLASSES)
def test_a_deprecated_keyword_warns_at_the_line_that_wrote_it(name, keyword):
    makers = [getattr(params, name)]
    if name != "Param":
        makers.append(getattr(declare, name))
    for make in makers:
        with pytest.warns(TriviumDeprecationWarning, match=keyword) as caught:
            make(**{keyword: "a"})  # warned here

        (warning,) = caught
        assert warning.filename == __file__
        assert linecache.getline(__file__, warning.lineno).strip().endswith("# warned here")


def test_a_declaration_in_a_subclass_warns_at_the_line_that_wrote_it():
    class Mine(params.Query):
        def __init__(self, **options):
            super().__init__(**options)  # warned here

    with pytest.warns(TriviumDeprecationWarning) as caught:
        Mine(regex="a")

    assert "# warned here" in linecache.getline(__file__, caught[0].lineno)


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_option_that_is_passed_on_as_not_given_is_not_given(name):
    ours = getattr(params, name)

    assert compared(ours(alias=UNSET, example=UNSET, title=UNSET)) == compared(ours())


@pytest.mark.parametrize("name", CLASSES)
def test_a_copy_of_a_declaration_is_its_equal_in_every_attribute(name):
    declared = getattr(params, name)(title="T", gt=3, openapi_examples={"a": {"value": 1}})

    assert compared(copy.copy(declared)) == compared(declared)


def test_a_declaration_in_annotated_constrains_the_type_for_pydantic():
    adapter = TypeAdapter(Annotated[int, declare.Query(ge=1)])

    assert adapter.validate_python("1") == 1
    with pytest.raises(ValidationError):
        adapter.validate_python("0")


def test_the_places_are_fastapis():
    assert {(kind.name, kind.value) for kind in params.ParamTypes} == {
        (kind.name, kind.value) for kind in fastapi.params.ParamTypes
    }


@pytest.mark.parametrize("name", [*CLASSES, "Security"])
def test_the_classes_inherit_as_fastapis_do(name):
    def names(module):
        cls = getattr(module, name)
        own = {base.__name__ for base in cls.__mro__ if base.__module__ == module.__name__}
        return own - {"Declared"}, issubclass(cls, FieldInfo)

    assert names(params) == names(fastapi.params)


def test_an_openapi_example_may_have_extensions():
    adapter = TypeAdapter(params.Example)

    example = {"summary": "s", "value": 1, "x-more": 2}
    assert adapter.validate_python(example) == example
    with pytest.raises(ValidationError):
        adapter.validate_python({"externalValue": "no address"})


class TestDepends:
    """What a dependency's declaration is."""

    @pytest.mark.parametrize("name", ["Depends", "Security"])
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"dependency": factory},
            {"use_cache": False},
            {"scope": "function"},
            {"scope": "request"},
            {"max_concurrency": 3},
        ],
        ids=repr,
    )
    def test_it_holds_and_shows_what_fastapis_does(self, name, options):
        ours = getattr(params, name)(**options)
        theirs = getattr(fastapi.params, name)(**options)

        public = [f.name for f in dataclasses.fields(theirs) if f.name != "_concurrency"]
        assert [f.name for f in dataclasses.fields(ours) if f.name != "_concurrency"] == public
        assert [getattr(ours, n) for n in public] == [getattr(theirs, n) for n in public]
        assert repr(ours) == repr(theirs)

    def test_the_functions_make_the_classes(self):
        assert declare.Depends(factory, use_cache=False, scope="function") == params.Depends(
            factory, use_cache=False, scope="function"
        )
        assert declare.Security(factory, scopes=("a",), use_cache=False) == params.Security(
            factory, use_cache=False, scopes=("a",)
        )

    def test_it_is_equal_by_value_hashable_and_frozen(self):
        one, same = params.Depends(factory), params.Depends(factory)

        assert one == same
        assert hash(one) == hash(same)
        assert hash(one) != hash(params.Depends(factory, scope="function"))
        assert params.Depends(factory) != params.Security(factory)
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.use_cache = False

    def test_it_may_live_as_long_as_the_application(self):
        assert declare.Depends(factory, scope="app").scope == "app"

    def test_an_unknown_scope_is_refused_with_the_scopes_there_are(self):
        with pytest.raises(DeclarationError, match="'session'") as caught:
            declare.Depends(factory, scope="session")

        assert '"app"' in caught.value.instead
        assert caught.value.where.startswith(f'File "{__file__}"')

    @pytest.mark.parametrize("limit", [0, -1, True, 1.5, "2"])
    def test_a_limit_must_be_a_positive_integer(self, limit):
        with pytest.raises(ValueError, match="positive integer or None"):
            declare.Depends(factory, max_concurrency=limit)

    def test_each_limited_declaration_is_another_limit(self):
        one, other = (params.Depends(factory, max_concurrency=1) for _ in range(2))

        assert one != other
        assert one._concurrency is not other._concurrency

    def test_a_declaration_without_limit_has_none(self):
        assert params.Depends(factory)._concurrency is None

    def test_a_replaced_declaration_shares_the_limit_unless_its_number_changed(self):
        declared = params.Depends(factory, max_concurrency=2)

        shared = dataclasses.replace(declared, use_cache=False)
        changed = dataclasses.replace(declared, max_concurrency=3)
        lifted = dataclasses.replace(declared, max_concurrency=None)

        assert shared._concurrency is declared._concurrency
        assert changed._concurrency is not declared._concurrency
        assert changed._concurrency.max_concurrency == 3
        assert lifted._concurrency is None

    def test_a_limit_has_one_semaphore_for_each_event_loop(self):
        limit = params.Depends(factory, max_concurrency=2)._concurrency

        async def semaphores():
            return limit.get_semaphore(), limit.get_semaphore()

        first, again = anyio.run(semaphores)
        elsewhere, _ = anyio.run(semaphores)

        assert first is again
        assert first is not elsewhere
        assert first.value == elsewhere.value == 2


class TestSecurityScopes:
    """The scopes that a dependency is asked for."""

    @pytest.mark.parametrize("scopes", [None, [], ["a"], ["a", "b:c"]])
    def test_they_are_a_list_and_one_string(self, scopes):
        theirs = fastapi.security.SecurityScopes(scopes)

        assert SecurityScopes(scopes).scopes == theirs.scopes
        assert SecurityScopes(scopes).scope_str == theirs.scope_str


class TestUploadFile:
    """An uploaded file as Pydantic sees it."""

    @pytest.mark.parametrize("kind", [StarletteUploadFile, UploadFile])
    def test_a_file_of_the_form_is_taken_as_it_is(self, kind, tmp_path):
        with (tmp_path / "x").open("wb+") as file:
            upload = kind(file, filename="x", headers=Headers({"content-type": "text/csv"}))

            assert TypeAdapter(UploadFile).validate_python(upload) is upload

    def test_anything_else_is_refused(self):
        with pytest.raises(ValidationError, match="Expected UploadFile, received: <class 'str'>"):
            TypeAdapter(UploadFile).validate_python("text")

    @pytest.mark.parametrize("mode", ["validation", "serialization"])
    def test_its_schema_is_fastapis(self, mode):
        ours, theirs = TypeAdapter(UploadFile), TypeAdapter(fastapi.UploadFile)

        assert ours.json_schema(mode=mode) == theirs.json_schema(mode=mode)


class TestDefault:
    """A default that nobody chose."""

    def test_it_is_as_true_as_its_value(self):
        assert Default("a")
        assert not Default("")

    def test_it_equals_another_default_of_the_same_value_and_not_the_value(self):
        assert Default("a") == Default("a")
        assert Default("a") != Default("b")
        assert Default("a") != "a"

    @pytest.mark.parametrize(
        ("options", "chosen"),
        [
            (("a",), "a"),
            ((Default("a"), "b", "c"), "b"),
            (("a", "b"), "a"),
            ((Default("a"), None), None),
            ((Default("a"), Default("b")), Default("a")),
        ],
    )
    def test_the_nearest_option_that_was_given_wins(self, options, chosen):
        assert value_or_default(*options) == chosen


def state(info: params.Declared) -> dict[str, Any]:
    return {**{slot: getattr(info, slot, UNSET) for slot in FieldInfo.__slots__}, **info.__dict__}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("default", [PydanticUndefined, ..., None, 5])
def test_what_is_inferred_is_what_a_declaration_without_options_is(name: str, default: Any) -> None:
    declared = getattr(params, name)
    default = ... if name == "Path" else default

    inferred = declared.inferred(int, default)

    assert state(inferred) == state(declared(default, annotation=int))


def test_two_inferred_declarations_share_nothing_that_changes() -> None:
    first, second = params.Query.inferred(int), params.Query.inferred(int)

    first.metadata.append("mine")
    first._attributes_set["title"] = "Mine"

    assert second.metadata == []
    assert "title" not in second._attributes_set
