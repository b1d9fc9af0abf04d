// One kernel for every network: interprets a program of rows over lanes of samples. Chooses its target when it runs.
#include "common.hpp"

namespace {
namespace baseline {
#define VECTOR_BYTES 16
#include "lanes.hpp"

#include "interpreter.hpp"

#include "blocks.hpp"
#undef VECTOR_BYTES
}  // namespace baseline
}  // namespace

#include "target.hpp"

#ifdef HWGEN_HAS_AVX2
#include "avx2_begin.hpp"
namespace {
namespace avx2 {
#define VECTOR_BYTES 32
#include "lanes.hpp"

#include "interpreter.hpp"

#include "blocks.hpp"
#undef VECTOR_BYTES
}  // namespace avx2
}  // namespace
#include "avx2_end.hpp"
#endif

extern "C" int64_t hwgen_run(
    const Program *program, const void *const *inputs, const int64_t *bytes, int64_t *const *outputs, int64_t samples,
    int64_t wide
) {
#ifdef HWGEN_HAS_AVX2
    if (wide) return avx2::run(*program, inputs, bytes, outputs, samples);
#endif
    return baseline::run(*program, inputs, bytes, outputs, samples);
}
