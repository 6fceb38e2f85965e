"""Settings of a federation over real machines."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fednids.config.section import Section

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def is_gateway_name(text: str) -> bool:
    """Return whether this is a possible name of a gateway in a deployment.

    Up to 32 of a-z, 0-9 and ``-``, which is not the first: files, services and keys have the
    name as well.
    """
    return _NAME.fullmatch(text) is not None


def split_names(text: str) -> tuple[str, ...]:
    """Return the names in ``"b, a"``, in this order; none of an empty text."""
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


def _checked(text: str) -> str:
    names = split_names(text)
    if len(set(names)) < len(names) or not all(map(is_gateway_name, names)):
        raise PydanticCustomError(
            "gateway_names",
            "should be different names of up to 32 of a-z, 0-9 and -, separated by commas",
        )
    return text


class DeployConfig(Section):
    """Which gateways a deployment has, and how long it waits for them."""

    gateways: Annotated[str, AfterValidator(_checked)] = Field(
        "", description="names of the gateways of a deployment: a,b,c; empty for a simulation"
    )
    wait_seconds: float = Field(
        120.0,
        gt=0,
        le=1e6,
        description="seconds that the server waits for all gateways to connect",
    )
    resume: bool = Field(
        False, description="continue the run in the run folder of the deployment, if there is one"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Names, sorted; the place of a gateway in them is its partition id."""
        return tuple(sorted(split_names(self.gateways)))
