// The end of what is compiled for AVX2.
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
