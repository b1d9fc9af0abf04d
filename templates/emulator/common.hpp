// What a program of rows is made of; hwgen/emulator/tables.py writes the same structures.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#define INLINE inline __attribute__((always_inline))

enum { BLOCK = HWGEN_BLOCK };  // samples in a row

enum Kind { KIND_SUM, KIND_MAXIMUM, KIND_MINIMUM, KIND_PRODUCT, KIND_ARGMAX };
enum Rounding { ROUND_NONE, ROUND_LEFT, ROUND_ADD, ROUND_EVEN, ROUND_REST };
enum Overflow { OVERFLOW_NONE, OVERFLOW_CLIP, OVERFLOW_ZERO, OVERFLOW_SIGNED, OVERFLOW_UNSIGNED };
enum Stepping { STEP_NONE, STEP_COMPARE, STEP_TABLE, STEP_SEARCH };

// Lanes by the logarithm of their bytes: 0 for int8 to 3 for int64.
struct Finish {
    int64_t positive;  // below zero becomes zero first
    int64_t rounding, shift, add, mask, negative, odd;
    int64_t overflow, low, high, unused;
    int64_t stepping;
};

struct Operation {
    int64_t kind;
    int64_t given, part, total, result;      // lanes: of rows read, of parts of sums, of whole sums, of rows written
    int64_t first_place, places;             // where it happens
    int64_t first_sum, sums;                 // what happens at each place
    Finish finish;
};

struct Place {
    int64_t from, to;  // bytes
};

struct Sum {
    int64_t bias, to;            // to: bytes from the place
    int64_t first_part, parts;   // each part ends before the term that its number says
    int64_t step;
};

struct Term {
    uint32_t from;  // bytes from the place
    int32_t weight;
};

struct Step {
    int64_t first, count, level;
};

struct Port {
    int64_t codes, first_row;  // codes of a sample, and where in the list their rows are
    int64_t lane;              // of its rows
    int64_t low, width;        // codes are low to low + 2**width - 1
};

struct Program {
    int64_t operation_count, input_count, output_count, arena_bytes;
    const Operation *operations;
    const Place *places;
    const Sum *sums;
    const int64_t *parts;
    const Term *terms;
    const int64_t *weights;  // of the terms, for lanes of 64 bits
    const Step *steps;
    const int64_t *thresholds, *rises, *levels;
    const int32_t *tables;
    const Port *ports;       // inputs, then outputs
    const int64_t *rows;     // bytes of each code's row; -1 for a code that is always 0
};
