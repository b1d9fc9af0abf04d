"""Hypothesis strategies for fixed-point types and quantizers, with narrow and the widest types drawn often."""

from hypothesis import strategies as st

from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding


@st.composite
def fixed_types(draw: st.DrawFn) -> FixedType:
    """Types of 1 to 64 bits, fractions of -70 to 70."""
    signed = draw(st.booleans())
    widest = 64 if signed else 63
    width = draw(st.one_of(st.integers(1, 4), st.integers(1, widest), st.integers(61, widest)))
    return FixedType(signed, width, draw(st.integers(-70, 70)))


quantizers = st.builds(Quantizer, fixed_types(), st.sampled_from(Rounding), st.sampled_from(Overflow))
