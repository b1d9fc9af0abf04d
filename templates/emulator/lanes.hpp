// Arithmetic of one target: vectors of samples, sums over rows, and what happens to a sum before it is stored.
// Included once a target, inside a namespace, with VECTOR_BYTES set; so it has no include guard.
//
// A row is one code of BLOCK samples. All arithmetic wraps around (-fwrapv): a sum is right when its end fits the lane,
// whatever its parts do on the way.

template <class T>
struct Lanes {
    typedef T type __attribute__((vector_size(VECTOR_BYTES), may_alias));
    enum { count = VECTOR_BYTES / sizeof(T) };
};

template <class T>
using Vector = typename Lanes<T>::type;

template <class T>
struct Unsigned;
template <>
struct Unsigned<int16_t> {
    typedef uint16_t type;
};
template <>
struct Unsigned<int32_t> {
    typedef uint32_t type;
};
template <>
struct Unsigned<int64_t> {
    typedef uint64_t type;
};

// As many codes of type From as a vector of Work has, as Work.
template <class From, class Work>
struct Widen {
    typedef From narrow __attribute__((vector_size(sizeof(From) * Lanes<Work>::count)));
    static INLINE Vector<Work> load(const From *at) {
        narrow codes;
        __builtin_memcpy(&codes, at, sizeof codes);
        return __builtin_convertvector(codes, Vector<Work>);
    }
    static INLINE void store(From *at, Vector<Work> codes) {
        const narrow stored = __builtin_convertvector(codes, narrow);
        __builtin_memcpy(at, &stored, sizeof stored);
    }
};

template <class Work>
struct Widen<Work, Work> {
    static INLINE Vector<Work> load(const Work *at) { return *reinterpret_cast<const Vector<Work> *>(at); }
    static INLINE void store(Work *at, Vector<Work> codes) { *reinterpret_cast<Vector<Work> *>(at) = codes; }
};

template <class T>
INLINE Vector<T> all(T code) {
    return Vector<T>{} + code;
}

template <class T>
INLINE Vector<T> larger(Vector<T> one, Vector<T> two) {
    return one > two ? one : two;
}

template <class T>
INLINE Vector<T> smaller(Vector<T> one, Vector<T> two) {
    return one < two ? one : two;
}

// A shift to the right, rounded by the rest above the floor.
template <class T>
INLINE Vector<T> by_rest(Vector<T> code, T shift, T mask, T add, T negative, T odd) {
    typedef typename Unsigned<T>::type Whole;
    const Vector<T> floor = code >> shift;
    const Vector<T> below_zero = code >> (T)(8 * sizeof(T) - 1);
    const Vector<T> rest = (code & mask) + add + (below_zero & negative) + (floor & odd);
    return floor + (Vector<T>)((Vector<Whole>)rest >> (Whole)shift);
}

// What a layer that quantizes does to codes: shift, round, resolve overflow.
template <class T, int COUNT>
INLINE void quantize(Vector<T> *codes, const Finish &f) {
    const T shift = (T)f.shift, add = (T)f.add, low = (T)f.low, high = (T)f.high;
    if (f.positive)
        for (int k = 0; k < COUNT; ++k) codes[k] = larger<T>(codes[k], Vector<T>{});
    switch (f.rounding) {
        case ROUND_NONE:
            break;
        case ROUND_LEFT:
            for (int k = 0; k < COUNT; ++k) codes[k] = codes[k] << shift;
            break;
        case ROUND_ADD:
            for (int k = 0; k < COUNT; ++k) codes[k] = (codes[k] + add) >> shift;
            break;
        case ROUND_EVEN:
            for (int k = 0; k < COUNT; ++k) codes[k] = (codes[k] + add + ((codes[k] >> shift) & (T)1)) >> shift;
            break;
        default:  // by the rest above the floor: no intermediate is wider than the code
            for (int k = 0; k < COUNT; ++k)
                codes[k] = by_rest<T>(codes[k], shift, (T)f.mask, add, (T)f.negative, (T)f.odd);
    }
    switch (f.overflow) {
        case OVERFLOW_NONE:
            break;
        case OVERFLOW_CLIP:
            for (int k = 0; k < COUNT; ++k) codes[k] = smaller<T>(larger<T>(codes[k], all<T>(low)), all<T>(high));
            break;
        case OVERFLOW_ZERO:
            for (int k = 0; k < COUNT; ++k)
                codes[k] = codes[k] & (Vector<T>)(codes[k] >= all<T>(low)) & (Vector<T>)(codes[k] <= all<T>(high));
            break;
        case OVERFLOW_SIGNED:
            for (int k = 0; k < COUNT; ++k) codes[k] = (codes[k] << (T)f.unused) >> (T)f.unused;
            break;
        default:
            for (int k = 0; k < COUNT; ++k) codes[k] = codes[k] & high;
    }
}

// Thresholds that are at most the code, by halving.
INLINE int64_t passed(int64_t code, const int64_t *thresholds, int64_t count) {
    int64_t below = 0;
    while (count > 0) {
        const int64_t half = count / 2;
        if (thresholds[below + half] <= code) {
            below += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return below;
}

// A step function: by comparisons, from a table over the range, or by search.
template <class T, int COUNT>
INLINE void step(Vector<T> *codes, int64_t stepping, const Step &s, const Program &p) {
    if (stepping == STEP_COMPARE) {
        for (int k = 0; k < COUNT; ++k) {
            Vector<T> level = all<T>((T)s.level);
            for (int64_t n = s.first; n < s.first + s.count; ++n)
                level += (Vector<T>)(codes[k] >= all<T>((T)p.thresholds[n])) & all<T>((T)p.rises[n]);
            codes[k] = level;
        }
        return;
    }
    typedef T Code __attribute__((may_alias));
    Code *one = reinterpret_cast<Code *>(codes);
    const int samples = COUNT * Lanes<T>::count;
    if (stepping == STEP_TABLE) {
        for (int k = 0; k < samples; ++k) one[k] = (T)p.tables[s.first + (int64_t)one[k] - s.level];
    } else {
        for (int k = 0; k < samples; ++k)
            one[k] = (T)p.levels[s.level + passed((int64_t)one[k], p.thresholds + s.first, s.count)];
    }
}

template <class Lane, class T, int COUNT>
INLINE void store(Lane *to, const Vector<T> *codes) {
    for (int k = 0; k < COUNT; ++k) Widen<Lane, T>::store(to + k * Lanes<T>::count, codes[k]);
}

template <class T, int COUNT>
INLINE void store_as(int64_t lane, char *to, int first, const Vector<T> *codes) {
    switch (lane) {
        case 0:
            return store<int8_t, T, COUNT>(reinterpret_cast<int8_t *>(to) + first, codes);
        case 1:
            return store<int16_t, T, COUNT>(reinterpret_cast<int16_t *>(to) + first, codes);
        case 2:
            return store<int32_t, T, COUNT>(reinterpret_cast<int32_t *>(to) + first, codes);
        default:
            return store<int64_t, T, COUNT>(reinterpret_cast<int64_t *>(to) + first, codes);
    }
}
