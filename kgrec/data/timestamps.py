"""Timestamps in the forms shops write them, to UTC epoch seconds."""

from __future__ import annotations

import polars as pl

from kgrec.data.disk import slices

MILLISECONDS_FROM = 1e11  # seconds past the year 5138: really milliseconds or finer
DATES = 19000101, 21001231  # written as one number
_NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$"
_ISO = (
    r"^\s*(?<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?<hour>\d{2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?"
    r"\s*(?<zone>Z|z|UTC|(?<sign>[+-])(?<zone_hour>\d{2})(?::?(?<zone_minute>\d{2}))?)?)?\s*$"
)


def parse_timestamps(raw: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read times as UTC epoch seconds, with fractions.

    Parameters
    ----------
    raw : polars.Series
        Numbers (epoch seconds), text (epoch seconds or ISO 8601) or datetimes; without a zone they are UTC.

    Returns
    -------
    (Series of float64, Series of bool)
        The seconds, null where there is no value or a bad one; and which values are bad.

    >>> parse_timestamps(pl.Series(["60", "1970-01-01T01:01:00+01:00", "1970-01-02", "noon"]))[0].to_list()
    [60.0, 60.0, 86400.0, None]
    """
    match raw.dtype:
        case pl.Datetime():
            seconds = raw.dt.epoch("us") / 1e6
        case pl.Date():
            seconds = raw.dt.epoch("d") * 86400.0
        case pl.String():
            seconds = pl.concat([_from_text(raw[some]) for some in slices(raw.len())])  # its parts take much memory
        case dtype if dtype.is_numeric():
            seconds = raw.cast(pl.Float64).fill_nan(None)
            raw = raw.fill_nan(None) if dtype.is_float() else raw
        case _:
            seconds = pl.Series([None], dtype=pl.Float64).new_from_index(0, raw.len())
    seconds = seconds.cast(pl.Float64).set(seconds.is_infinite().fill_null(value=False), None)
    return seconds, raw.is_not_null() & seconds.is_null()


def are_dates(seconds: pl.Series) -> bool:
    """Whether times read as seconds, all of a table, are rather dates written YYYYMMDD.

    >>> are_dates(pl.Series([20240131.0, None])), are_dates(pl.Series([20240131.0, 20240199.0]))
    (True, False)
    """
    known = seconds.drop_nulls()
    if not len(known) or not known.is_between(*DATES).all() or not (known % 1 == 0).all():
        return False
    return known.unique().cast(pl.Int64).cast(pl.String).str.to_date("%Y%m%d", strict=False).null_count() == 0


def _from_text(raw: pl.Series) -> pl.Series:
    is_number = raw.str.contains(_NUMBER)
    if is_number.fill_null(value=True).all():
        return raw.str.strip_chars().cast(pl.Float64, strict=False)
    parts = raw.str.extract_groups(_ISO).struct.unnest()
    numbers = parts.select(pl.col("hour", "minute", "second", "zone_hour", "zone_minute").cast(pl.Int64).fill_null(0))
    fraction = ("0." + parts["fraction"]).cast(pl.Float64).fill_null(0.0)
    hour, minute, second, zone_hour, zone_minute = (numbers[name] for name in numbers.columns)
    sign = (parts["sign"] == "-").fill_null(value=False).cast(pl.Int64) * 2 - 1  # ahead of UTC: subtract
    days = parts["date"].str.to_date("%Y-%m-%d", strict=False).dt.epoch("d")
    seconds = (days * 24 + hour) * 3600 + minute * 60 + second + sign * (zone_hour * 3600 + zone_minute * 60) + fraction
    impossible = (hour > 23) | (minute > 59) | (second > 60) | (zone_hour > 23) | (zone_minute > 59)
    iso = seconds.set(impossible, None)
    return raw.str.strip_chars().cast(pl.Float64, strict=False).zip_with(is_number.fill_null(value=False), iso)
