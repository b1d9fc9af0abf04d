#ifndef HWGEN_CODES_H_
#define HWGEN_CODES_H_

#include "ap_fixed.h"
#include "ap_int.h"

// Between layers travel codes: the integers behind fixed-point numbers. All of these functions are wires.

// The number that a code stands for, given its bits after the binary point.
template <int FRACTION, int W> inline ap_fixed<W, W - FRACTION> fixed_of(const ap_int<W> &code) {
#pragma HLS INLINE
    ap_fixed<W, W - FRACTION> value;
    value.range() = code;
    return value;
}

template <int FRACTION, int W> inline ap_ufixed<W, W - FRACTION> fixed_of(const ap_uint<W> &code) {
#pragma HLS INLINE
    ap_ufixed<W, W - FRACTION> value;
    value.range() = code;
    return value;
}

// The code of a number.
template <int W, int I, ap_q_mode Q, ap_o_mode O> inline ap_int<W> code_of(const ap_fixed<W, I, Q, O> &value) {
#pragma HLS INLINE
    return value.range();
}

template <int W, int I, ap_q_mode Q, ap_o_mode O> inline ap_uint<W> code_of(const ap_ufixed<W, I, Q, O> &value) {
#pragma HLS INLINE
    return value.range();
}

// code * 2**SHIFT, with the bits that it needs: operator<< alone keeps the width and loses the top.
template <int SHIFT, int W> inline ap_int<W + SHIFT> shifted(const ap_int<W> &code) {
#pragma HLS INLINE
    return ap_int<W + SHIFT>(code) << SHIFT;
}

template <int SHIFT, int W> inline ap_uint<W + SHIFT> shifted(const ap_uint<W> &code) {
#pragma HLS INLINE
    return ap_uint<W + SHIFT>(code) << SHIFT;
}

// Operands, weights and sums of a neuron. What is synthesized, or compiled with -DHWGEN_PRISTINE, computes in ap_int types
// that hold every sum; any other simulation computes in long long, which holds them as well: additions and
// multiplications commute with the wrapping to a narrower type, so what is assigned in the end is the same code.
#if defined(__SYNTHESIS__) || defined(HWGEN_PRISTINE)
template <class T> using arithmetic = T;

template <class T> inline T weight(long long code) {
#pragma HLS INLINE
    return T(code);
}

template <class T> inline T operand(const T &code) {
#pragma HLS INLINE
    return code;
}
#else
template <class T> using arithmetic = long long;

template <class T> struct wrapped;

template <int W> struct wrapped<ap_int<W>> {
    static constexpr long long of(long long code) { return (long long)((unsigned long long)code << (64 - W)) >> (64 - W); }
};

template <int W> struct wrapped<ap_uint<W>> {
    static constexpr long long of(long long code) {
        return (long long)((unsigned long long)code << (64 - W) >> (64 - W));
    }
};

template <class T> constexpr long long weight(long long code) { return wrapped<T>::of(code); }

template <class T> inline long long operand(const T &code) { return code.to_int64(); }

template <int SHIFT> constexpr long long shifted(long long code) { return (long long)((unsigned long long)code << SHIFT); }
#endif

#endif
