"""Functions that stand in for methods, of classes and of single objects."""

from __future__ import annotations

from tracelog.hooks import put_on, take_off


class Base:
    """Has a method, and hands it down."""

    def greet(self, name):
        """Say hello."""
        return f"hello {name}"


class Child(Base):
    """Has the method from above."""


def louder(original, *args, **kwargs):
    """Call the method and raise its voice."""
    return original(*args, **kwargs).upper()


def test_a_hook_on_a_class_stands_in_for_all_of_its_objects():
    """Objects of any age answer through the hook, by position and by keyword, until it is taken off."""
    early, original = Base(), Base.greet
    put_on(Base, "greet", louder)
    answers = [early.greet("ann"), Base().greet(name="ann"), Child().greet("ann"), Base.greet(early, "ann")]
    take_off(Base, "greet")
    assert answers == ["HELLO ANN"] * 4
    assert vars(Base)["greet"] is original


def test_a_hook_on_an_object_leaves_others_alone():
    """Only that object answers through it, and keeps nothing of it afterwards."""
    one, other = Base(), Base()
    put_on(one, "greet", louder)
    assert (one.greet("ann"), other.greet("ann")) == ("HELLO ANN", "hello ann")
    take_off(one, "greet")
    assert vars(one) == {}


def test_a_method_that_was_inherited_is_inherited_again():
    """A class that had the method from above has nothing of its own afterwards."""
    put_on(Child, "greet", louder)
    assert (Child().greet("ann"), Base().greet("ann")) == ("HELLO ANN", "hello ann")
    take_off(Child, "greet")
    assert "greet" not in vars(Child)


def test_a_function_that_an_object_had_of_its_own_comes_back():
    """What an application had put on its object is called by the hook, and is there afterwards."""
    one = Base()
    one.greet = own = "hi {}".format
    put_on(one, "greet", louder)
    assert one.greet("ann") == "HI ANN"
    take_off(one, "greet")
    assert one.greet is own


def test_a_second_hook_changes_nothing():
    """Put on twice it stands in once, and taken off twice it is off."""
    one = Base()
    put_on(one, "greet", louder)
    put_on(one, "greet", lambda original, name: original(name) + "!")
    assert one.greet("ann") == "HELLO ANN"
    take_off(one, "greet")
    take_off(one, "greet")
    assert one.greet("ann") == "hello ann"


def test_whoever_wrapped_the_method_later_keeps_their_wrapper():
    """A hook below the wrapper of another stays, since nobody can take it out from there."""
    one = Base()
    put_on(one, "greet", louder)
    hook = one.greet
    one.greet = lambda name: hook(name) + "!"
    take_off(one, "greet")
    assert one.greet("ann") == "HELLO ANN!"
