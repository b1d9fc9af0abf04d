// Random numbers, the same everywhere.
#pragma once

#include <cstdint>

class Random { // xorshift64*
  public:
    explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u | 1) {
        for (int i = 0; i < 8; i++) next();
    }
    uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1Du;
    }
    bool chance(uint64_t percent) { return percent != 0 && (next() >> 33) % 100 < percent; }

  private:
    uint64_t state_;
};
