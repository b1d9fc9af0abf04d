#ifndef HWGEN_STREAM_H_
#define HWGEN_STREAM_H_

#include "hls_stream.h"
#ifdef HWGEN_TRACE
#include "trace.h"
#endif

// All channels of one position: one beat of a stream.
template <class T, int N> struct pixel {
    T data[N];

    T &operator[](int channel) { return data[channel]; }

    const T &operator[](int channel) const { return data[channel]; }
};

// Takes what nobody reads.
template <int BEATS, class T, int N> void drain(hls::stream<pixel<T, N>> &x_stream) {
    for (int beat = 0; beat < BEATS; beat++) {
#pragma HLS PIPELINE II=1 style=flp
        x_stream.read();
    }
}

#ifdef HWGEN_TRACE
// Leaves the codes of a stream for whoever traces, and the stream as it was.
template <int BEATS, class T, int N> void trace_stream(int layer, hls::stream<pixel<T, N>> &stream) {
    for (int beat = 0; beat < BEATS; beat++) {
        const pixel<T, N> codes = stream.read();
        for (int i = 0; i < N && trace_values != NULL; i++) {
            trace_values[layer][(trace_sample * BEATS + beat) * N + i] = codes[i].to_int64();
        }
        stream.write(codes);
    }
}
#endif

#endif
