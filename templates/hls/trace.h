#ifndef HWGEN_TRACE_H_
#define HWGEN_TRACE_H_

#include <cstddef>
#include <cstdint>

// Compiled only with -DHWGEN_TRACE: the top function leaves every layer's codes here.
extern int64_t *const *trace_values; // one array for each layer, (samples, size); NULL while nobody traces
extern size_t trace_sample;          // the sample that is being computed

template <int SIZE, class code_T> void trace_store(int layer, const code_T codes[SIZE]) {
    if (trace_values == NULL) {
        return;
    }
    for (int i = 0; i < SIZE; i++) {
        trace_values[layer][trace_sample * SIZE + i] = codes[i].to_int64();
    }
}

#endif
