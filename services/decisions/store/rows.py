"""Between rows and the frozen dataclasses of the core: a column for each field, JSON for what is nested."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from shared.platform.db import Tx

T = TypeVar("T")


class Table(Generic[T]):
    """One table whose columns are the fields of ``model``. ``nested`` are stored as JSON; ``key`` is the primary key.

    Fields named in ``elsewhere`` are not columns of this table.
    """

    def __init__(
        self,
        name: str,
        model: type[T],
        *,
        key: tuple[str, ...],
        nested: Iterable[str] = (),
        elsewhere: Iterable[str] = (),
    ) -> None:
        self.name = name
        self._adapter = TypeAdapter(model)
        hints = typing.get_type_hints(model)
        columns = [f.name for f in dataclasses.fields(model) if f.name not in set(elsewhere)]  # type: ignore[arg-type]
        self._nested = {field: TypeAdapter(hints[field]) for field in nested}
        self.columns = tuple(columns)
        changing = [column for column in columns if column not in key]
        self._upsert = (
            f"{self.insert()} on conflict ({', '.join(key)}) "
            f"do update set {', '.join(f'{column} = excluded.{column}' for column in changing)}"
        )
        self._update = (
            f"update {name} set {', '.join(f'{column} = %s' for column in columns)} "  # noqa: S608 - our own names
            f"where {' and '.join(f'{column} = %s' for column in key)}"
        )
        self._key = key
        self.select = f"select {', '.join(f'{name}.{column}' for column in columns)} from {name} "  # noqa: S608 - our own names

    def insert(self, **more: str) -> str:
        """The statement that inserts a row; ``more`` are columns beside the model's, each with its SQL expression."""
        columns = (*self.columns, *more)
        values = (*["%s"] * len(self.columns), *more.values())
        return f"insert into {self.name} ({', '.join(columns)}) values ({', '.join(values)})"  # noqa: S608 - our own names

    def read(self, row: Mapping[str, Any], **more: Any) -> T:
        """The core's value of a row; ``more`` are the fields that stand elsewhere."""
        return self._adapter.validate_python({**row, **more})

    def values(self, entity: T) -> tuple[Any, ...]:
        """The columns of a value, in the order of :attr:`columns`."""
        return tuple(self._column(column, getattr(entity, column)) for column in self.columns)

    async def save(self, tx: Tx, entities: Iterable[T]) -> None:
        """Insert or overwrite."""
        rows = [self.values(entity) for entity in entities]
        if rows:
            async with tx.cursor() as cursor:
                await cursor.executemany(self._upsert, rows)

    async def update(self, tx: Tx, entity: T) -> None:
        """Overwrite a row that is there."""
        await tx.execute(self._update, (*self.values(entity), *(getattr(entity, column) for column in self._key)))

    def _column(self, column: str, value: Any) -> Any:
        if column in self._nested:
            return None if value is None else Jsonb(self._nested[column].dump_python(value, mode="json"))
        if isinstance(value, Enum):
            return value.value
        return list(value) if isinstance(value, tuple) else value
