// Cuts samples into blocks, turns them into rows and rows into codes. Included once a target, behind `compute`.

enum { CODES_AT_ONCE = 8, COLUMNS = 64 };  // of codes that are written together, and read together

// What is outside of a port's range, as bits beyond its width; in the integers that the codes come in.
template <class Code>
INLINE uint64_t beyond(const Port &port, const Code *codes, int64_t count) {
    if (sizeof(Code) == 8) {
        uint64_t outside = 0;
        for (int64_t k = 0; k < count; ++k) outside |= (uint64_t)codes[k] - (uint64_t)port.low;
        return outside;
    }
    Code lowest = codes[0], highest = codes[0];
    for (int64_t k = 0; k < count; ++k) {
        lowest = codes[k] < lowest ? codes[k] : lowest;
        highest = codes[k] > highest ? codes[k] : highest;
    }
    return ((uint64_t)lowest - (uint64_t)port.low) | ((uint64_t)highest - (uint64_t)port.low);
}

template <class Code, class Row>
INLINE uint64_t read_codes(const Port &port, const int64_t *rows, char *arena, const Code *codes, int64_t samples) {
    const uint64_t outside = beyond<Code>(port, codes, samples * port.codes);
    for (int64_t code = 0; code < port.codes; ++code) {
        Row *row = reinterpret_cast<Row *>(arena + rows[code]);
        for (int64_t sample = 0; sample < samples; ++sample) row[sample] = (Row)codes[sample * port.codes + code];
        for (int64_t sample = samples; sample < BLOCK; ++sample) row[sample] = 0;
    }
    return outside;
}

typedef int16_t Eight __attribute__((vector_size(16), may_alias));

// Two vectors of eight, one code of each in turn.
#if defined(__clang__)
INLINE Eight lower_halves(Eight one, Eight two) { return __builtin_shufflevector(one, two, 0, 8, 1, 9, 2, 10, 3, 11); }
INLINE Eight upper_halves(Eight one, Eight two) {
    return __builtin_shufflevector(one, two, 4, 12, 5, 13, 6, 14, 7, 15);
}
#else
INLINE Eight lower_halves(Eight one, Eight two) { return __builtin_shuffle(one, two, Eight{0, 8, 1, 9, 2, 10, 3, 11}); }
INLINE Eight upper_halves(Eight one, Eight two) {
    return __builtin_shuffle(one, two, Eight{4, 12, 5, 13, 6, 14, 7, 15});
}
#endif

// Eight codes of eight samples, turned: each pass puts two halves of the list together, one of each in turn.
INLINE void turn(Eight *lines) {
    for (int pass = 0; pass < 3; ++pass) {
        Eight mixed[8];
        for (int k = 0; k < 4; ++k) {
            mixed[2 * k] = lower_halves(lines[k], lines[k + 4]);
            mixed[2 * k + 1] = upper_halves(lines[k], lines[k + 4]);
        }
        for (int k = 0; k < 8; ++k) lines[k] = mixed[k];
    }
}

// The same for rows of 16 bits, which most inputs have: some columns are narrowed together and turned in squares.
template <class Code>
INLINE uint64_t read_short(const Port &port, const int64_t *rows, char *arena, const Code *codes, int64_t samples) {
    int16_t narrow[BLOCK * COLUMNS] __attribute__((aligned(64)));
    const uint64_t outside = beyond<Code>(port, codes, samples * port.codes);
    for (int64_t first = 0; first < port.codes; first += COLUMNS) {
        const int64_t count = port.codes - first < COLUMNS ? port.codes - first : COLUMNS;
        const int16_t *lines = narrow;
        int64_t length = (count + 7) / 8 * 8;
        if (sizeof(Code) == 2 && samples == BLOCK && count % 8 == 0) {  // nothing to narrow, and nothing is read behind
            lines = reinterpret_cast<const int16_t *>(codes) + first;
            length = port.codes;
        } else {
            // One long loop where lines stand behind each other.
            const int64_t times = count == port.codes && length == count ? 1 : samples;
            const int64_t codes_a_time = count * (samples / times);
            for (int64_t time = 0; time < times; ++time) {
                const Code *line = codes + time * port.codes + first;
                for (int64_t k = 0; k < codes_a_time; ++k) narrow[time * length + k] = (int16_t)line[k];
            }
            for (int64_t k = samples * length; k < BLOCK * length; ++k) narrow[k] = 0;
        }
        for (int64_t column = 0; column < count; column += 8) {
            const int64_t wide = count - column < 8 ? count - column : 8;
            for (int sample = 0; sample < BLOCK; sample += 8) {
                Eight square[8];
                for (int k = 0; k < 8; ++k)
                    __builtin_memcpy(&square[k], lines + (sample + k) * length + column, sizeof square[k]);
                turn(square);
                for (int64_t k = 0; k < wide; ++k)
                    *reinterpret_cast<Eight *>(arena + rows[first + column + k] + 2 * sample) = square[k];
            }
        }
    }
    return outside;
}

template <class Code>
INLINE uint64_t read_rows(const Port &port, const int64_t *rows, char *arena, const Code *codes, int64_t samples) {
    switch (port.lane) {
        case 0:
            return read_codes<Code, int8_t>(port, rows, arena, codes, samples);
        case 1:
            return read_short<Code>(port, rows, arena, codes, samples);
        case 2:
            return read_codes<Code, int32_t>(port, rows, arena, codes, samples);
        default:
            return read_codes<Code, int64_t>(port, rows, arena, codes, samples);
    }
}

template <class Row>
INLINE void write_codes(const Port &port, const int64_t *rows, const char *arena, int64_t *codes, int64_t samples) {
    for (int64_t first = 0; first < port.codes; first += CODES_AT_ONCE) {
        const int64_t end = port.codes - first < CODES_AT_ONCE ? port.codes : first + CODES_AT_ONCE;
        for (int64_t code = first; code < end; ++code) {
            int64_t *to = codes + code;
            if (rows[code] < 0) {
                for (int64_t sample = 0; sample < samples; ++sample) to[sample * port.codes] = 0;
                continue;
            }
            const Row *row = reinterpret_cast<const Row *>(arena + rows[code]);
            for (int64_t sample = 0; sample < samples; ++sample) to[sample * port.codes] = row[sample];
        }
    }
}

static uint64_t read_block(
    const Port &port, const int64_t *rows, char *arena, const void *codes, int64_t bytes, int64_t start, int64_t samples
) {
    switch (bytes) {
        case 1:
            return read_rows(port, rows, arena, (const int8_t *)codes + start * port.codes, samples);
        case 2:
            return read_rows(port, rows, arena, (const int16_t *)codes + start * port.codes, samples);
        case 4:
            return read_rows(port, rows, arena, (const int32_t *)codes + start * port.codes, samples);
        default:
            return read_rows(port, rows, arena, (const int64_t *)codes + start * port.codes, samples);
    }
}

static void write_block(
    const Port &port, const int64_t *rows, const char *arena, int64_t *codes, int64_t start, int64_t samples
) {
    codes += start * port.codes;
    switch (port.lane) {
        case 0:
            return write_codes<int8_t>(port, rows, arena, codes, samples);
        case 1:
            return write_codes<int16_t>(port, rows, arena, codes, samples);
        case 2:
            return write_codes<int32_t>(port, rows, arena, codes, samples);
        default:
            return write_codes<int64_t>(port, rows, arena, codes, samples);
    }
}

// 0, or the number of the input, from 1, that has a code out of its range; -1 without memory.
static int64_t run(
    const Program &p, const void *const *inputs, const int64_t *bytes, int64_t *const *outputs, int64_t samples
) {
    void *memory = nullptr;
    if (posix_memalign(&memory, 64, p.arena_bytes ? p.arena_bytes : 64) != 0) return -1;
    char *arena = static_cast<char *>(memory);
    int64_t answer = 0;
    for (int64_t start = 0; start < samples && answer == 0; start += BLOCK) {
        const int64_t count = samples - start < BLOCK ? samples - start : BLOCK;
        for (int64_t k = 0; k < p.input_count; ++k) {
            const Port &port = p.ports[k];
            const uint64_t outside = read_block(port, p.rows + port.first_row, arena, inputs[k], bytes[k], start, count);
            if (port.width < 64 && outside >> port.width && answer == 0) answer = k + 1;
        }
        compute(p, arena);
        for (int64_t k = 0; k < p.output_count; ++k) {
            const Port &port = p.ports[p.input_count + k];
            write_block(port, p.rows + port.first_row, arena, outputs[k], start, count);
        }
    }
    free(memory);
    return answer;
}
