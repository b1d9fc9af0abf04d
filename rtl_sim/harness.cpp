// Streams samples through a module that hwgen wrote, with random gaps and stalls, and notes when each came out.
//
// Compiled together with Verilator's C++ of the module and with a generated ports.h, which names the ports:
//   HWGEN_INPUTS(PORT)   PORT(position, name, codes of a beat, width, is_signed) for each input
//   HWGEN_OUTPUTS(PORT)  likewise
//   HWGEN_IN_BEATS, HWGEN_OUT_BEATS  of a sample
// ports.h is the only part that depends on the network.

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "Vdut.h"
#include "ports.h"
#ifdef HWGEN_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

// The columns of the settings, of which only the first row is read.
// ALONE: a sample goes in when the one before has come out.
enum Setting { SEED, GAP_PERCENT, STALL_PERCENT, LATENCY_CYCLES, ALONE, FIRST_TRACED, LAST_TRACED, SETTINGS };
// The columns of the timing, a row a sample: cycle of its first beat in, of its last beat out. Cycles count from the
// first after reset, stalled ones included; the latency does not count stalled ones. Of SURPLUS only the first row is
// written: beats out that belong to no sample.
enum Timing { CYCLE_IN, CYCLE_OUT, LATENCY, SURPLUS, TIMINGS };

enum Spell { MIXED, DENSE, PAUSE, SPELLS };

constexpr int64_t NOT_YET = -1;
constexpr std::size_t IN_BEATS = HWGEN_IN_BEATS, OUT_BEATS = HWGEN_OUT_BEATS;
constexpr uint64_t PATIENCE_CYCLES = 64; // beyond four times the latency, for a sample that does not come

constexpr std::size_t words_of(std::size_t bits) { return (bits + 31) / 32; }

template <std::size_t Codes, unsigned Width> constexpr std::size_t port_words() {
    return words_of(Codes * Width) + 3; // room to write beyond the last code
}

template <std::size_t Codes, unsigned Width> void pack(const int64_t *codes, uint32_t *words) {
    constexpr uint64_t mask = Width >= 64 ? ~uint64_t(0) : (uint64_t(1) << (Width & 63)) - 1;
    std::memset(words, 0, sizeof(uint32_t) * port_words<Codes, Width>());
    for (std::size_t i = 0; i < Codes; i++) {
        const std::size_t bit = i * Width;
        const unsigned __int128 code = static_cast<unsigned __int128>(uint64_t(codes[i]) & mask) << (bit % 32);
        uint32_t *at = words + bit / 32;
        at[0] |= uint32_t(code);
        at[1] |= uint32_t(code >> 32);
        if (Width > 32) at[2] |= uint32_t(code >> 64);
    }
}

template <std::size_t Codes, unsigned Width, bool Signed> void unpack(const uint32_t *words, int64_t *codes) {
    constexpr uint64_t mask = Width >= 64 ? ~uint64_t(0) : (uint64_t(1) << (Width & 63)) - 1;
    constexpr uint64_t sign = uint64_t(1) << (Width - 1);
    for (std::size_t i = 0; i < Codes; i++) {
        const std::size_t bit = i * Width;
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

class Run {
  public:
    Run(const int64_t *const *inputs, int64_t *const *outputs, std::size_t samples)
        : inputs_(inputs), outputs_(outputs), given_(samples * IN_BEATS), expected_(samples * OUT_BEATS), settings_(inputs[HWGEN_INPUT_COUNT]),
          timing_(outputs[HWGEN_OUTPUT_COUNT]), random_(uint64_t(settings_[SEED])) {
        // Registers start with random bits: what needs a reset shows.
        context_.randReset(2);
        context_.randSeed(int(settings_[SEED] & 0x3FFFFFFF) + 1);
#ifdef HWGEN_TRACE
        context_.traceEverOn(true);
#endif
        top_ = std::make_unique<Vdut>(&context_, "TOP");
        for (std::size_t sample = 0; sample < samples; sample++) {
            int64_t *row = timing_ + TIMINGS * sample;
            row[CYCLE_IN] = row[CYCLE_OUT] = row[LATENCY] = NOT_YET;
            row[SURPLUS] = 0;
        }
    }

    void run() {
        open_waveform();
        reset();
        const uint64_t latency = uint64_t(settings_[LATENCY_CYCLES]);
        // After the last input, wait for the missing outputs; after the last output, watch for one too many. Stalled
        // cycles do not count: nothing can move in them.
        const uint64_t patience = 4 * latency + PATIENCE_CYCLES, watch = 2 * latency + 8;
        uint64_t waited = 0, watched = 0;
        while (in_ < given_ || (out_ < expected_ ? waited < patience : watched < watch)) {
            if (waited >= patience) break; // nothing comes any more
            if (in_ / IN_BEATS > out_ / OUT_BEATS + latency + patience) break;
            const bool idle = !may_feed();
            const std::size_t before = in_;
            const uint64_t enabled_before = enabled_cycle_;
            cycle();
            if (idle) (out_ < expected_ ? waited : watched) += enabled_cycle_ - enabled_before;
            if (in_ != before && in_ < given_) waited = 0;
        }
        top_->final();
#ifdef HWGEN_TRACE
        waveform_.close();
#endif
    }

  private:
    void reset() {
        top_->rst = 1;
        top_->ce = 1;
        top_->in_valid = 0;
        for (int i = 0; i < 2; i++) {
            top_->clk = 0;
            top_->eval();
            top_->clk = 1;
            top_->eval();
        }
        top_->rst = 0;
    }

    bool may_feed() const {
        if (in_ == given_) return false;
        return !settings_[ALONE] || in_ % IN_BEATS || in_ / IN_BEATS * OUT_BEATS <= out_;
    }

    // Gaps come in spells: as many as asked for, none, or nothing else. Beats without a gap and then a pause are what
    // fills the FIFOs where streams meet, and what shows whether line buffers empty themselves behind a sample.
    bool gap() {
        if (!settings_[GAP_PERCENT]) return false;
        if (spell_cycles_ == 0) {
            spell_ = Spell(random_.next() % SPELLS);
            const uint64_t longest = spell_ == PAUSE ? uint64_t(settings_[LATENCY_CYCLES]) + 8 : 2 * IN_BEATS + 16;
            spell_cycles_ = 1 + random_.next() % longest;
        }
        spell_cycles_ -= 1;
        return spell_ == PAUSE || (spell_ == MIXED && random_.chance(uint64_t(settings_[GAP_PERCENT])));
    }

    void cycle() {
        const bool enabled = !random_.chance(uint64_t(settings_[STALL_PERCENT]));
        // What stands at the input in a stalled cycle must not matter, so it stands there as if it were valid.
        const bool fed = enabled && may_feed() && !gap();
        top_->clk = 0;
        top_->ce = enabled;
        top_->in_valid = fed || !enabled;
        if (fed) {
            feed();
        } else if (settings_[GAP_PERCENT] || settings_[STALL_PERCENT]) {
            scramble();
        }
        top_->eval();
        dump(0);
        if (enabled && top_->out_valid) take();
        top_->clk = 1;
        top_->eval();
        dump(1);
        cycle_ += 1;
        enabled_cycle_ += enabled;
    }

    void feed() {
#define PORT(position, name, codes, width, is_signed)                                                                  \
    {                                                                                                                  \
        uint32_t words[port_words<codes, width>()];                                                                    \
        pack<codes, width>(inputs_[position] + codes * in_, words);                                                    \
        store(top_->name, words);                                                                                      \
    }
        HWGEN_INPUTS(PORT)
#undef PORT
        if (in_ % IN_BEATS == 0) {
            int64_t *row = timing_ + TIMINGS * (in_ / IN_BEATS);
            row[CYCLE_IN] = int64_t(cycle_);
            row[LATENCY] = -int64_t(enabled_cycle_); // until it comes out
        }
        in_ += 1;
    }

    void scramble() {
#define PORT(position, name, codes, width, is_signed)                                                                  \
    {                                                                                                                  \
        int64_t garbage[codes];                                                                                        \
        for (int64_t &code : garbage) code = int64_t(random_.next());                                                  \
        uint32_t words[port_words<codes, width>()];                                                                    \
        pack<codes, width>(garbage, words);                                                                            \
        store(top_->name, words);                                                                                      \
    }
        HWGEN_INPUTS(PORT)
#undef PORT
    }

    void take() {
        // A sample's beats may leave from its first beat on.
        if (out_ >= (in_ + IN_BEATS - 1) / IN_BEATS * OUT_BEATS) {
            timing_[SURPLUS] += 1;
            return;
        }
#define PORT(position, name, codes, width, is_signed)                                                                  \
    {                                                                                                                  \
        uint32_t words[port_words<codes, width>()] = {0};                                                              \
        load(top_->name, words);                                                                                       \
        unpack<codes, width, is_signed>(words, outputs_[position] + codes * out_);                                     \
    }
        HWGEN_OUTPUTS(PORT)
#undef PORT
        out_ += 1;
        if (out_ % OUT_BEATS == 0) {
            int64_t *row = timing_ + TIMINGS * (out_ / OUT_BEATS - 1);
            row[CYCLE_OUT] = int64_t(cycle_);
            row[LATENCY] += int64_t(enabled_cycle_);
        }
    }

#ifdef HWGEN_TRACE
    // Beside the library, whose folder the caller chose: dut.so leaves dut.so.vcd.
    void open_waveform() {
        Dl_info about;
        static const int here = 0;
        dladdr(&here, &about);
        top_->trace(&waveform_, 99);
        waveform_.open((std::string(about.dli_fname) + ".vcd").c_str());
    }

    // A cycle takes two units of time: before the clock's edge, when everything has settled, and after it.
    void dump(unsigned phase) {
        const int64_t newest = in_ ? int64_t((in_ - 1) / IN_BEATS) : -1, oldest = int64_t(out_ / OUT_BEATS);
        if (newest >= settings_[FIRST_TRACED] && oldest <= settings_[LAST_TRACED]) waveform_.dump(2 * cycle_ + phase);
    }
#else
    void open_waveform() {}
    void dump(unsigned) {}
#endif

    const int64_t *const *inputs_;
    int64_t *const *outputs_;
    const std::size_t given_, expected_; // beats
    const int64_t *const settings_;
    int64_t *const timing_;
    Random random_;
    VerilatedContext context_;
    std::unique_ptr<Vdut> top_;
#ifdef HWGEN_TRACE
    VerilatedVcdC waveform_;
#endif
    std::size_t in_ = 0, out_ = 0; // beats
    Spell spell_ = MIXED;
    uint64_t spell_cycles_ = 0; // left
    uint64_t cycle_ = 0, enabled_cycle_ = 0;
};

} // namespace

// inputs: the network's, (samples, codes) each, then the settings, (samples, SETTINGS).
// outputs: the network's, then the timing, (samples, TIMINGS). Outputs of samples that never came are left as they are.
extern "C" int hwgen_rtl_run(const int64_t *const *inputs, int64_t *const *outputs, std::size_t samples) {
    Run(inputs, outputs, samples).run();
    return 0;
}

// Verilator's runtime asks for it.
double sc_time_stamp() { return 0; }
