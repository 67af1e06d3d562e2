"""Requests that are made of contracts: strict at any depth."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidatorFunctionWrapHandler, WrapValidator


def no_unknown_field(model: type[BaseModel]) -> WrapValidator:
    """For ``Annotated[model, …]``: a field that ``model``, or anything in it, does not know is an error.

    Contracts read past what they do not know; sent by a person it is a typing slip, and must not be lost.
    """

    def validate(value: Any, _: ValidatorFunctionWrapHandler) -> Any:
        return model.model_validate(value, extra="forbid")

    return WrapValidator(validate)
