"""The page and the tests tell of the same rows."""

from __future__ import annotations

from collections import Counter

from tests.lifecycle.rows import rows_of_the_page, rows_with_tests


def test_every_row_of_the_page_has_a_test_and_every_test_has_a_row() -> None:
    assert set(rows_of_the_page()) == rows_with_tests()


def test_no_two_rows_of_the_page_have_one_id() -> None:
    twice = [row for row, count in Counter(rows_of_the_page()).items() if count > 1]

    assert twice == []
