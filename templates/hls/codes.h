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

#endif
