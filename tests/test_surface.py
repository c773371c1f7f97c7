"""The public names are the ones that are promised, and they are all there."""

from __future__ import annotations

import types

import pytest

import ragedge


def test_all_equals_the_namespace() -> None:
    for name in ragedge.__all__:
        getattr(ragedge, name)
    internal = {"os", "annotations", "TYPE_CHECKING"}
    public = {
        name
        for name, value in vars(ragedge).items()
        if not name.startswith("_") and name not in internal and not isinstance(value, types.ModuleType)
    }
    assert public | {"__version__"} == set(ragedge.__all__)
    assert sorted(ragedge.__all__) == ragedge.__all__
    assert dir(ragedge) == ragedge.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        ragedge.opne  # noqa: B018


def test_names_are_documented() -> None:
    for name in ragedge.__all__:
        if name != "__version__":
            assert (getattr(ragedge, name).__doc__ or "").strip(), name
