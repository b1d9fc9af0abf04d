// Runs the operations of a program on a block of samples. Included once a target, behind lanes.hpp.

// What becomes of sums of some vectors of samples, from sample `first` of a row on. Not inlined: there are many callers.
template <class T, int COUNT>
static __attribute__((noinline)) void finish(
    const Program &p, const Operation &o, const Sum &sum, const Vector<T> *totals, char *to, int first
) {
    Vector<T> codes[COUNT];  // see add_terms
    for (int k = 0; k < COUNT; ++k) codes[k] = totals[k];
    quantize<T, COUNT>(codes, o.finish);
    if (o.finish.stepping == STEP_NONE) return store_as<T, COUNT>(o.result, to, first, codes);
    Vector<T> levels[COUNT];
    for (int k = 0; k < COUNT; ++k) levels[k] = codes[k];
    step<T, COUNT>(levels, o.finish.stepping, p.steps[sum.step], p);
    store_as<T, COUNT>(o.result, to, first, levels);
}

template <class T>
INLINE T weight_of(const Program &p, int64_t term) {
    return sizeof(T) == 8 ? (T)p.weights[term] : (T)p.terms[term].weight;
}

// One part of a sum over some vectors of samples.
template <class Given, class Part, int VECTORS>
INLINE void add_terms(const Program &p, const char *from, int64_t term, int64_t end, Part bias, Vector<Part> *total) {
    Vector<Part> sum[VECTORS];  // its address goes nowhere, so it stays in registers
    for (int k = 0; k < VECTORS; ++k) sum[k] = all<Part>(bias);
    for (; term < end; ++term) {
        const Given *codes = reinterpret_cast<const Given *>(from + p.terms[term].from);
        const Vector<Part> weight = all<Part>(weight_of<Part>(p, term));
        for (int k = 0; k < VECTORS; ++k) sum[k] += Widen<Given, Part>::load(codes + k * Lanes<Part>::count) * weight;
    }
    for (int k = 0; k < VECTORS; ++k) total[k] = sum[k];
}

template <class Given, class Part, class Total>
INLINE void run_sums(const Program &p, const Operation &o, char *arena) {
    enum { COUNT = Lanes<Part>::count, VECTORS = BLOCK / COUNT < 8 ? BLOCK / COUNT : 8, SAMPLES = VECTORS * COUNT };
    for (const Place *place = p.places + o.first_place; place < p.places + o.first_place + o.places; ++place) {
        for (const Sum *sum = p.sums + o.first_sum; sum < p.sums + o.first_sum + o.sums; ++sum) {
            char *to = arena + place->to + sum->to;
            for (int first = 0; first < BLOCK; first += SAMPLES) {
                const char *from = arena + place->from + first * sizeof(Given);
                const int64_t *end = p.parts + sum->first_part;
                if (sizeof(Part) == sizeof(Total)) {
                    Vector<Part> total[VECTORS];
                    add_terms<Given, Part, VECTORS>(p, from, end[0], end[1], (Part)sum->bias, total);
                    finish<Part, VECTORS>(p, o, *sum, total, to, first);
                } else {
                    enum { RATIO = sizeof(Total) / sizeof(Part), WIDE = Lanes<Total>::count };
                    Vector<Total> whole[VECTORS * RATIO];
                    for (int k = 0; k < VECTORS * RATIO; ++k) whole[k] = all<Total>((Total)sum->bias);
                    for (int64_t part = 0; part < sum->parts; ++part) {
                        Vector<Part> total[VECTORS];
                        add_terms<Given, Part, VECTORS>(p, from, end[part], end[part + 1], 0, total);
                        const Part *codes = reinterpret_cast<const Part *>(total);
                        for (int k = 0; k < VECTORS * RATIO; ++k) whole[k] += Widen<Part, Total>::load(codes + k * WIDE);
                    }
                    finish<Total, VECTORS * RATIO>(p, o, *sum, whole, to, first);
                }
            }
        }
    }
}

// Maximum, minimum, product, or the index of the largest; of terms times their weights.
template <class T>
INLINE void run_others(const Program &p, const Operation &o, char *arena) {
    enum { COUNT = Lanes<T>::count };
    for (const Place *place = p.places + o.first_place; place < p.places + o.first_place + o.places; ++place) {
        for (const Sum *sum = p.sums + o.first_sum; sum < p.sums + o.first_sum + o.sums; ++sum) {
            const int64_t begin = p.parts[sum->first_part], end = p.parts[sum->first_part + 1];
            Vector<T> best[BLOCK / COUNT], index[BLOCK / COUNT];
            for (int64_t term = begin; term < end; ++term) {
                const T *codes = reinterpret_cast<const T *>(arena + place->from + p.terms[term].from);
                const T weight = weight_of<T>(p, term);
                for (int k = 0; k < BLOCK / COUNT; ++k) {
                    Vector<T> code = Widen<T, T>::load(codes + k * COUNT);
                    if (o.kind != KIND_ARGMAX) code *= weight;
                    if (term == begin) {
                        best[k] = code;
                        index[k] = Vector<T>{};
                    } else if (o.kind == KIND_MAXIMUM) {
                        best[k] = larger<T>(best[k], code);
                    } else if (o.kind == KIND_MINIMUM) {
                        best[k] = smaller<T>(best[k], code);
                    } else if (o.kind == KIND_PRODUCT) {
                        best[k] *= code;
                    } else {
                        index[k] = code > best[k] ? all<T>(weight) : index[k];
                        best[k] = larger<T>(best[k], code);
                    }
                }
            }
            for (int k = 0; k < BLOCK / COUNT; k += 8)
                finish<T, 8>(
                    p, o, *sum, (o.kind == KIND_ARGMAX ? index : best) + k, arena + place->to + sum->to, k * COUNT
                );
        }
    }
}

#undef HWGEN_SUMS
#define HWGEN_SUMS(given, part, total, Given, Part, Total) \
    case given * 16 + part * 4 + total:                    \
        run_sums<Given, Part, Total>(p, o, arena);         \
        break;

static void sums(const Program &p, const Operation &o, char *arena) {
    switch (o.given * 16 + o.part * 4 + o.total) {
        HWGEN_SUMS(0, 1, 1, int8_t, int16_t, int16_t)
        HWGEN_SUMS(0, 1, 2, int8_t, int16_t, int32_t)
        HWGEN_SUMS(0, 2, 2, int8_t, int32_t, int32_t)
        HWGEN_SUMS(0, 3, 3, int8_t, int64_t, int64_t)
        HWGEN_SUMS(1, 1, 1, int16_t, int16_t, int16_t)
        HWGEN_SUMS(1, 1, 2, int16_t, int16_t, int32_t)
        HWGEN_SUMS(1, 2, 2, int16_t, int32_t, int32_t)
        HWGEN_SUMS(1, 3, 3, int16_t, int64_t, int64_t)
        HWGEN_SUMS(2, 2, 2, int32_t, int32_t, int32_t)
        HWGEN_SUMS(2, 3, 3, int32_t, int64_t, int64_t)
        HWGEN_SUMS(3, 3, 3, int64_t, int64_t, int64_t)
        default:
            abort();
    }
}

static void others(const Program &p, const Operation &o, char *arena) {
    switch (o.total) {
        case 1:
            return run_others<int16_t>(p, o, arena);
        case 2:
            return run_others<int32_t>(p, o, arena);
        default:
            return run_others<int64_t>(p, o, arena);
    }
}

static void compute(const Program &p, char *arena) {
    for (int64_t number = 0; number < p.operation_count; ++number) {
        const Operation &o = p.operations[number];
        if (o.kind == KIND_SUM) {
            sums(p, o, arena);
        } else {
            others(p, o, arena);
        }
    }
}
