# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Parameters: a declaration as a default fits the annotation, and knows its keywords."""

from typing import Annotated, Any, assert_type

from trivium import App, Body, Cookie, File, Form, Header, Path, Query, UploadFile

app = App()


@app.post("/{flight_id}")
async def declare(
    flight_id: Annotated[int, Path(ge=1)],
    limit: int = Query(50, le=100, description="At most so many"),
    names: Annotated[list[str] | None, Query(alias="name", min_length=1)] = None,
    token: str | None = Header(None, convert_underscores=False),
    session: str = Cookie(),
    comment: str = Form("", keep_empty=True),
    table: UploadFile = File(media_type="text/csv"),
) -> None:
    assert_type(flight_id, int)
    assert_type(limit, int)
    assert_type(names, list[str] | None)
    assert_type(token, str | None)
    assert_type(session, str)
    assert_type(comment, str)
    assert_type(table, UploadFile)
    assert_type(table.filename, str | None)
    assert_type(await table.read(), bytes)


def what_checkers_see() -> None:
    """A declaration fits every annotation."""
    assert_type(Query(), Any)
    assert_type(Body(embed=True), Any)


def mistakes() -> None:
    """What both checkers find."""
    Query(lenght=3)  # type: ignore[call-arg]  # a misspelt constraint
    Query(ge="one", max_length="ten")  # type: ignore[arg-type]  # a length is a number
    Header(convert_underscores="no")  # type: ignore[arg-type]  # a yes or no
    Query(embed=True)  # type: ignore[call-arg]  # only a body is embedded
    Path(media_type="text/csv")  # type: ignore[call-arg]  # only a body has a media type
