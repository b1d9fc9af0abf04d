// Codes to the bits of a port and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "Vdut.h"

constexpr std::size_t words_of(std::size_t bits) { return (bits + 31) / 32; }

// Of a port, with room to write beyond its last code.
constexpr std::size_t port_words(std::size_t bits) { return words_of(bits) + 3; }

// Codes into words that are zero there, from bit `first` on.
template <std::size_t Codes, unsigned Width> void pack(const int64_t *codes, uint32_t *words, std::size_t first) {
    constexpr uint64_t mask = Width >= 64 ? ~uint64_t(0) : (uint64_t(1) << (Width & 63)) - 1;
    for (std::size_t i = 0; i < Codes; i++) {
        const std::size_t bit = first + i * Width;
        const unsigned __int128 code = static_cast<unsigned __int128>(uint64_t(codes[i]) & mask) << (bit % 32);
        uint32_t *at = words + bit / 32;
        at[0] |= uint32_t(code);
        at[1] |= uint32_t(code >> 32);
        if (Width > 32) at[2] |= uint32_t(code >> 64);
    }
}

template <std::size_t Codes, unsigned Width, bool Signed>
void unpack(const uint32_t *words, std::size_t first, int64_t *codes) {
    constexpr uint64_t mask = Width >= 64 ? ~uint64_t(0) : (uint64_t(1) << (Width & 63)) - 1;
    constexpr uint64_t sign = uint64_t(1) << (Width - 1);
    for (std::size_t i = 0; i < Codes; i++) {
        const std::size_t bit = first + i * Width;
        const uint32_t *at = words + bit / 32;
        unsigned __int128 window = at[0] | uint64_t(at[1]) << 32;
        if (Width > 32) window |= static_cast<unsigned __int128>(at[2]) << 64;
        const uint64_t code = uint64_t(window >> (bit % 32)) & mask;
        codes[i] = Signed ? int64_t((code ^ sign) - sign) : int64_t(code);
    }
}

// Verilator holds a port of up to 64 bits in an integer, a wider one in an array of 32-bit words. A port whose width was
// edited is still read and written within both: its codes then differ.
template <std::size_t N, class Port> void store(Port &port, const uint32_t (&words)[N]) {
    port = static_cast<Port>(words[0] | uint64_t(words[1]) << 32);
}
template <std::size_t N, std::size_t Words> void store(VlWide<Words> &port, const uint32_t (&words)[N]) {
    for (std::size_t i = 0; i < Words && i < N; i++) port[i] = words[i];
}
template <std::size_t N, class Port> void load(const Port &port, uint32_t (&words)[N]) {
    words[0] = uint32_t(port);
    words[1] = uint32_t(uint64_t(port) >> 32);
}
template <std::size_t N, std::size_t Words> void load(const VlWide<Words> &port, uint32_t (&words)[N]) {
    for (std::size_t i = 0; i < Words && i < N; i++) words[i] = port[i];
}
