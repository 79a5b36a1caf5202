from __future__ import annotations

import polars as pl
import pytest

from kgrec.data.splitting import parts_by_user


def events(num_users: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"user_id": [f"u{row // 2}" for row in range(2 * num_users)], "item_id": ["a", "b"] * num_users}
    )


def test_parts_of_few_users_are_both_the_whole() -> None:
    first, second = parts_by_user(events(7), most=7)
    assert first.equals(events(7))
    assert second.equals(events(7))


def test_parts_of_many_users_share_none_and_hold_all_events_of_theirs() -> None:
    first, second = parts_by_user(events(8), most=7)
    assert first["user_id"].unique(maintain_order=True).to_list() == ["u0", "u2", "u4", "u6"]
    assert second["user_id"].unique(maintain_order=True).to_list() == ["u1", "u3", "u5", "u7"]
    assert first.height + second.height == events(8).height


@pytest.mark.parametrize(("num_users", "step"), [(100, 10), (21, 3), (25, 3), (23, 3)])
def test_parts_of_very_many_users_hold_some_from_everywhere_and_share_none(num_users: int, step: int) -> None:
    first, second = parts_by_user(events(num_users), most=10)
    assert first["user_id"].unique(maintain_order=True).to_list() == [f"u{user}" for user in range(0, num_users, step)]
    assert second["user_id"].unique(maintain_order=True).to_list() == [f"u{user}" for user in range(1, num_users, step)]
    assert first["user_id"].n_unique() <= 10
