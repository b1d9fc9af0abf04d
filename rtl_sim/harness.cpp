// Streams samples through a module that hwgen wrote, with random gaps and stalls, and notes when each came out.
//
// Compiled together with Verilator's C++ of the module and with a generated ports.h, which names the ports:
//   HWGEN_INPUTS(PORT)   PORT(position, name, codes of a beat, width, is_signed) for each input
//   HWGEN_OUTPUTS(PORT)  likewise
//   HWGEN_IN_BEATS, HWGEN_OUT_BEATS  of a sample
// ports.h is the only part that depends on the network.

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "Vdut.h"
#include "codes.h"
#include "ports.h"
#include "random.h"
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
// Behind the samples traffic is cut short by resets: so often, and for about so long.
constexpr uint64_t MOST_EPISODES = 16, EPISODE_CYCLES = 10000;
constexpr std::size_t IN_BEATS = HWGEN_IN_BEATS, OUT_BEATS = HWGEN_OUT_BEATS;
constexpr uint64_t PATIENCE_CYCLES = 64; // beyond four times the latency, for a sample that does not come

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
        const uint64_t episodes = std::min(MOST_EPISODES, 1 + EPISODE_CYCLES / watch);
        for (uint64_t episode = 0; episode < episodes && !settings_[ALONE]; episode++) {
            fill();
            reset();
            drain(watch);
        }
        top_->final();
#ifdef HWGEN_TRACE
        waveform_.close();
#endif
    }

  private:
    // One cycle is enough for it, whatever the clock enable says and whatever stands at the input.
    void reset() {
        top_->rst = 1;
        top_->ce = random_.chance(50);
        top_->in_valid = random_.chance(50);
        clock();
        top_->rst = 0;
    }

    // Beats go in that a reset will have to clear away, from every place in the module.
    void fill() {
        const uint64_t most = uint64_t(settings_[LATENCY_CYCLES]) + 2 * IN_BEATS + 8;
        for (uint64_t cycles = 1 + random_.next() % most; cycles != 0; cycles--) {
            top_->ce = random_.chance(75);
            top_->in_valid = random_.chance(75);
            scramble();
            clock();
        }
    }

    // Nothing may come of what a reset has cleared away.
    void drain(uint64_t cycles) {
        top_->ce = 1;
        top_->in_valid = 0;
        for (; cycles != 0; cycles--) {
            scramble();
            top_->clk = 0;
            top_->eval();
            if (top_->out_valid) timing_[SURPLUS] += 1;
            top_->clk = 1;
            top_->eval();
        }
    }

    void clock() {
        top_->clk = 0;
        top_->eval();
        top_->clk = 1;
        top_->eval();
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
        uint32_t words[port_words(codes * width)] = {0};                                                               \
        pack<codes, width>(inputs_[position] + codes * in_, words, 0);                                                 \
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
        uint32_t words[port_words(codes * width)] = {0};                                                               \
        pack<codes, width>(garbage, words, 0);                                                                         \
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
        uint32_t words[port_words(codes * width)] = {0};                                                               \
        load(top_->name, words);                                                                                       \
        unpack<codes, width, is_signed>(words, 0, outputs_[position] + codes * out_);                                  \
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
