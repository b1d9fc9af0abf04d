// Which targets there are besides the processor's baseline, and whether this machine has them.
#pragma once

#if defined(__x86_64__)
#define HWGEN_HAS_AVX2
#endif

// Whether the wider target runs here.
extern "C" int64_t hwgen_wide() {
#ifdef HWGEN_HAS_AVX2
    return __builtin_cpu_supports("avx2") ? 1 : 0;
#else
    return 0;
#endif
}
