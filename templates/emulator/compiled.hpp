// Sums whose terms are written out, weights as constants. Included once a unit, behind lanes.hpp.
//
// A sum is computed for two vectors of samples at a time: with more, the code of a network outgrows the first cache. Plain variables and
// no loops over them, because a compiler is five times faster with those.

#define NOINLINE __attribute__((noinline))

// The sum of one row: `from` and `to` are its place, Given is read, Part is added, `finish` gives what is stored.
#define HWGEN_SUM(Given, Part, bias)                                                \
    for (int first = 0; first < BLOCK; first += 2 * Lanes<Part>::count) {           \
        typedef Widen<Given, Part> Codes;                                           \
        typedef Part Sum;                                                           \
        const Given *here = reinterpret_cast<const Given *>(from) + first;          \
        Vector<Part> s0 = all<Part>((Part)bias), s1 = s0;

#define HWGEN_CODES(at, k) Codes::load(here + (at) + (k) * Lanes<Sum>::count)

#define HWGEN_TERM(at, weight)                  \
    {                                           \
        const Sum w = (Sum)weight;              \
        s0 += HWGEN_CODES(at, 0) * w;           \
        s1 += HWGEN_CODES(at, 1) * w;           \
    }

#define HWGEN_PLUS(at)              \
    s0 += HWGEN_CODES(at, 0);       \
    s1 += HWGEN_CODES(at, 1);

#define HWGEN_MINUS(at)             \
    s0 -= HWGEN_CODES(at, 0);       \
    s1 -= HWGEN_CODES(at, 1);

#define HWGEN_END(Result, finish, step)                                         \
        typedef Widen<Result, Sum> Stored;                                      \
        Result *there = reinterpret_cast<Result *>(to) + first;                 \
        Stored::store(there, finish(s0, p, step));                              \
        Stored::store(there + Lanes<Sum>::count, finish(s1, p, step));          \
    }

// Parts of 16 bits are added to a sum of 32.
#define HWGEN_PARTS(bias)                                                       \
    Vector<int32_t> whole[BLOCK / Lanes<int32_t>::count];                       \
    for (int k = 0; k < BLOCK / Lanes<int32_t>::count; ++k) whole[k] = all<int32_t>((int32_t)bias);

#define HWGEN_PART_END                                                          \
        const Vector<int16_t> part[2] = {s0, s1};                               \
        int16_t codes[2 * Lanes<int16_t>::count] __attribute__((aligned(64)));  \
        __builtin_memcpy(codes, part, sizeof codes);                            \
        for (int k = 0; k < 4; ++k)                                             \
            whole[first / Lanes<int32_t>::count + k] +=                         \
                Widen<int16_t, int32_t>::load(codes + k * Lanes<int32_t>::count); \
    }

#define HWGEN_WHOLE_END(Result, finish, step)                                   \
    for (int k = 0; k < BLOCK / Lanes<int32_t>::count; ++k)                     \
        Widen<Result, int32_t>::store(                                          \
            reinterpret_cast<Result *>(to) + k * Lanes<int32_t>::count, finish(whole[k], p, step) \
        );
