// Sums whose terms are written out, weights as constants. Included once a unit, behind lanes.hpp.

enum { VECTORS = 4 };  // of a sum at a time: constants are loaded once for all of them

template <class Given, class Part>
INLINE void term(Vector<Part> *sum, const Given *codes, Part weight) {
    for (int k = 0; k < VECTORS; ++k) {
        const Vector<Part> code = Widen<Given, Part>::load(codes + k * Lanes<Part>::count);
        if (weight == 1) {
            sum[k] += code;
        } else if (weight == -1) {
            sum[k] -= code;
        } else {
            sum[k] += code * all<Part>(weight);
        }
    }
}

// The sum of one row of results: `from` and `to` are where its place is.
#define HWGEN_SUM(Given, Total, bias)                                               \
    typedef Given Read;                                                             \
    for (int first = 0; first < BLOCK; first += VECTORS * Lanes<Total>::count) {    \
        const char *here = from + first * sizeof(Given);                            \
        Vector<Total> sum[VECTORS];                                                 \
        for (int k = 0; k < VECTORS; ++k) sum[k] = all<Total>((Total)bias);

#define HWGEN_TERM(Part, at, weight) term<Read, Part>(sum, reinterpret_cast<const Read *>(here + at), (Part)weight);

// The same in parts of 16 bits that are added to a sum of 32.
#define HWGEN_PARTS(Given, bias)                                                    \
    typedef Given Read;                                                             \
    for (int first = 0; first < BLOCK; first += VECTORS * Lanes<int16_t>::count) {  \
        const char *here = from + first * sizeof(Given);                            \
        Vector<int32_t> whole[2 * VECTORS];                                         \
        for (int k = 0; k < 2 * VECTORS; ++k) whole[k] = all<int32_t>((int32_t)bias);

#define HWGEN_PART_BEGIN \
    {                    \
        Vector<int16_t> sum[VECTORS] = {};

#define HWGEN_PART_END                                                                                         \
        int16_t codes[VECTORS * Lanes<int16_t>::count] __attribute__((aligned(64)));                           \
        for (int k = 0; k < VECTORS; ++k) Widen<int16_t, int16_t>::store(codes + k * Lanes<int16_t>::count, sum[k]); \
        for (int k = 0; k < 2 * VECTORS; ++k)                                                                  \
            whole[k] += Widen<int16_t, int32_t>::load(codes + k * Lanes<int32_t>::count);                      \
    }

#define HWGEN_END(Total, Result, COUNT, sum, finishing, step_number)                             \
        quantize<Total, COUNT>(sum, finishing);                                                  \
        if (finishing.stepping != STEP_NONE)                                                     \
            step<Total, COUNT>(sum, finishing.stepping, p.steps[step_number], p);                \
        store<Result, Total, COUNT>(reinterpret_cast<Result *>(to) + first, sum);                \
    }
