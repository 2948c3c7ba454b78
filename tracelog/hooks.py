"""Functions of ours that stand in for methods of other people's classes and objects, and step aside again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, cast


class Hook:
    """Stands in for a method; *around* is called with the method itself in front of its arguments."""

    __slots__ = ("_around", "original", "own")

    def __init__(self, original: Callable[..., Any], around: Callable[..., Any], *, own: bool) -> None:
        self.original = original
        self._around = around
        self.own = own

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., Any]:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call what stands in."""
        return self._around(self.original, *args, **kwargs)


def put_on(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """
    Let *around* stand in for a method of one object, or of a class; a second call changes nothing.

    In a class, *around* is given the original function and the object that it is called on, on an object the bound
    method alone.
    """
    before = _own(owner).get(name)
    if not isinstance(before, Hook):
        setattr(owner, name, Hook(getattr(owner, name), around, own=before is not None))


def take_off(owner: Any, name: str) -> None:
    """Undo :func:`put_on`, unless somebody else has wrapped the same method since: then it stays."""
    hook = _own(owner).get(name)
    if not isinstance(hook, Hook):
        return
    if hook.own:
        setattr(owner, name, hook.original)
    else:
        delattr(owner, name)


def _own(owner: Any) -> Mapping[str, Any]:
    """Show what an object or a class has of its own, not from its class or those above."""
    return cast("Mapping[str, Any]", vars(owner))
