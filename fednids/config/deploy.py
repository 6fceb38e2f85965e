"""Settings of a federation over real machines."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fednids.config.section import Section

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def is_gateway_name(text: str) -> bool:
    """Tell whether a gateway of a deployment may be called so.

    Up to 32 of a-z, 0-9 and ``-``, which is not the first: a name is also a file's, a
    service's and a key's.
    """
    return _NAME.fullmatch(text) is not None


def split_names(text: str) -> tuple[str, ...]:
    """Split ``"b, a"`` into its names, as they stand there; none of an empty text."""
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
        "", description="names of a deployment's gateways: a,b,c; empty for a simulation"
    )
    wait_seconds: float = Field(
        120.0, gt=0, le=1e6, description="how long the server waits for all gateways to come"
    )
    resume: bool = Field(
        False, description="go on with the run in the run folder of a deployment, if there is one"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order; a gateway's place among them is its partition id."""
        return tuple(sorted(split_names(self.gateways)))
