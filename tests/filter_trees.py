"""Attributes and filters of every shape, for hypothesis."""

from hypothesis import strategies as st

from search_service.filters import AllOf, AnyOf, Between, Exists, Filter, NoneOf, OneOf

# Text that has broken some quoting somewhere: quotes, escapes, JSON pointers, operators, what ends a line or a string.
ODD = (
    *('"', "'", "\\", '\\"', "\\\\", "\\n", "\\x41", "[", "]", ".", "/", "~", "~1", "{x}", "%", "_", "$meta"),
    *("\n", "\r", "\t", "\0", "\x01", "\x7f", "\x85", "\u2028", "\xa0", "\ufeff", "ü", "€", "😀", "e\u0301"),
    *('" or 1==1 or "', "' or 1==1 or '", '"] == 1 or pk != "', "null", "true", "0", "//", "/*", "--", ";"),
)
texts = st.one_of(st.sampled_from(ODD), st.lists(st.sampled_from(ODD), max_size=4).map("".join), st.text(max_size=12))
# A number of google.protobuf.Value is a double, so what is stored is one.
numbers = st.one_of(
    st.sampled_from((0.0, -0.0, 1.0, -1.0, 1.5, 2.0**53, 2.0**53 + 2, 1e19, -1e19, 1e300, 5e-324, 2.3e-308, 0.1)),
    st.integers(-20, 20).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
names = st.one_of(st.sampled_from(("a", "b", "c.d", 'q"q')), st.sampled_from(ODD), st.text(min_size=1, max_size=8))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2), max_leaves=4
)
attributes = st.dictionaries(names, values, max_size=5)
_bounds = st.dictionaries(
    st.sampled_from(("gt", "gte", "lt", "lte")), st.one_of(numbers, st.just(float("inf"))), min_size=1, max_size=3
)


def leaves(name: st.SearchStrategy[str], value: st.SearchStrategy[object]) -> st.SearchStrategy[Filter]:
    """Return tests of one attribute."""
    return st.one_of(
        st.builds(OneOf, name, st.lists(value, max_size=5)),
        st.builds(lambda attribute, bounds: Between(attribute, **bounds), name, _bounds),
        st.builds(Exists, name, st.booleans()),
    )


def trees(
    name: st.SearchStrategy[str] = names, value: st.SearchStrategy[object] = scalars
) -> st.SearchStrategy[Filter]:
    """Return filters of several levels."""
    return st.recursive(
        leaves(name, value),
        lambda inner: st.lists(inner, max_size=4).flatmap(
            lambda members: st.sampled_from((AllOf(members), AnyOf(members), NoneOf(members)))
        ),
        max_leaves=10,
    )
