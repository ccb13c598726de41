"""What every section of the settings is built from."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """Base of every section: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, values: Any) -> Any:
        """A section given in part keeps the rest of what its place has by default, not of its class."""
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, info in cls.model_fields.items():
            given = values.get(name)
            if isinstance(info.default, Section) and isinstance(given, Mapping):
                filled[name] = {**info.default.model_dump(exclude_unset=True), **given}
        return filled
