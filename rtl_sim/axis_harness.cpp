// Streams samples through the AXI4-Stream wrapper that hwgen wrote, with random gaps and back-pressure, and counts what
// a stream must not do.
//
// Compiled as harness.cpp is, with the same ports.h: the ports of the wrapped module stand side by side in the streams'
// data, the first one lowest.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "Vdut.h"
#include "codes.h"
#include "ports.h"
#include "random.h"

namespace {

// The columns of the settings, of which only the first row is read.
// STALL_PERCENT: of cycles in which the receiver is not ready. ALONE: a sample goes in when the one before has come out.
enum Setting { SEED, GAP_PERCENT, STALL_PERCENT, LATENCY_CYCLES, ALONE, SETTINGS };
// The columns of the timing, a row a sample: cycle in which its first beat goes in, its last one comes out.
enum Timing { CYCLE_IN, CYCLE_OUT, TIMINGS };
// The columns of the faults, of which only the first row is written.
enum Fault {
    SURPLUS,        // a beat that belongs to no sample
    WITHDRAWN,      // valid fell before ready came
    CHANGED,        // data or last changed before ready came
    MISMARKED,      // last is low in a sample's last beat, or high in another
    PADDED,         // a bit above the last code is not zero
    REFUSED,        // not ready, though the receiver always is
    VALID_IN_RESET, // after the first edge of a reset
    FAULTS
};
enum Spell { MIXED, ALWAYS, NEVER, SPELLS };

constexpr int64_t NOT_YET = -1;
// Behind the samples traffic is cut short by resets: so often, and for about so long.
constexpr uint64_t MOST_EPISODES = 16, EPISODE_CYCLES = 10000;
constexpr std::size_t IN_BEATS = HWGEN_IN_BEATS, OUT_BEATS = HWGEN_OUT_BEATS;
constexpr uint64_t PATIENCE_CYCLES = 256; // beyond the latency, for a sample that does not come

#define PORT(position, name, codes, width, is_signed) +codes * width
constexpr std::size_t IN_BITS = 0 HWGEN_INPUTS(PORT), OUT_BITS = 0 HWGEN_OUTPUTS(PORT);
#undef PORT
constexpr std::size_t IN_BYTES = (IN_BITS + 7) / 8;

// What goes on at random: as many percent of the cycles as asked for, in spells also in all of them or in none.
class Chance {
  public:
    Chance(Random &random, uint64_t percent, uint64_t longest) : random_(random), percent_(percent), longest_(longest) {}

    bool now() {
        if (percent_ == 0) return false;
        if (cycles_ == 0) {
            spell_ = Spell(random_.next() % SPELLS);
            cycles_ = 1 + random_.next() % longest_;
        }
        cycles_ -= 1;
        return spell_ == ALWAYS || (spell_ == MIXED && random_.chance(percent_));
    }

  private:
    Random &random_;
    const uint64_t percent_, longest_;
    Spell spell_ = MIXED;
    uint64_t cycles_ = 0; // left
};

class Run {
  public:
    Run(const int64_t *const *inputs, int64_t *const *outputs, std::size_t samples)
        : inputs_(inputs), outputs_(outputs), given_(samples * IN_BEATS), expected_(samples * OUT_BEATS),
          settings_(inputs[HWGEN_INPUT_COUNT]), timing_(outputs[HWGEN_OUTPUT_COUNT]),
          faults_(outputs[HWGEN_OUTPUT_COUNT + 1]), random_(uint64_t(settings_[SEED])),
          gaps_(random_, uint64_t(settings_[GAP_PERCENT]), longest()),
          stalls_(random_, uint64_t(settings_[STALL_PERCENT]), longest()) {
        context_.randReset(2);
        context_.randSeed(int(settings_[SEED] & 0x3FFFFFFF) + 1);
        top_ = std::make_unique<Vdut>(&context_, "TOP");
        for (std::size_t i = 0; i < samples * TIMINGS; i++) timing_[i] = NOT_YET;
        std::memset(faults_, 0, sizeof(int64_t) * samples * FAULTS);
    }

    void run() {
        reset();
        // Cycles in which nothing goes in and nothing comes out; all that is missing comes within few of them.
        uint64_t quiet = 0;
        const uint64_t patience = 8 * longest() + PATIENCE_CYCLES;
        while ((in_ < given_ || out_ < expected_) && quiet < patience) {
            const std::size_t before = in_ + out_;
            cycle();
            quiet = in_ + out_ == before ? quiet + 1 : 0;
        }
        for (uint64_t watched = 2 * longest(); watched != 0; watched--) cycle();
        const uint64_t episodes = std::min(MOST_EPISODES, 1 + EPISODE_CYCLES / longest());
        for (uint64_t episode = 0; episode < episodes && !settings_[ALONE]; episode++) {
            fill();
            reset();
            drain();
        }
        top_->final();
    }

  private:
    uint64_t longest() const { return uint64_t(settings_[LATENCY_CYCLES]) + 2 * IN_BEATS + 8; }

    // One cycle is enough; after its edge nothing may come out.
    void reset() {
        top_->aresetn = 0;
        offered_ = waiting_ = false;
        top_->s_axis_tvalid = random_.chance(50);
        for (uint64_t cycles = 1 + random_.next() % 3; cycles != 0; cycles--) {
            top_->m_axis_tready = random_.chance(50);
            clock();
            if (top_->m_axis_tvalid) faults_[VALID_IN_RESET] += 1;
        }
        top_->s_axis_tvalid = 0;
        top_->aresetn = 1;
    }

    // Beats go in that a reset will have to clear away, from every place in the module.
    void fill() {
        for (uint64_t cycles = 1 + random_.next() % longest(); cycles != 0; cycles--) {
            top_->s_axis_tvalid = random_.chance(75);
            top_->m_axis_tready = random_.chance(50);
            scramble();
            clock();
        }
    }

    // Nothing may come of what a reset has cleared away.
    void drain() {
        for (uint64_t cycles = longest(); cycles != 0; cycles--) {
            scramble();
            top_->m_axis_tready = random_.chance(50);
            clock();
            if (top_->m_axis_tvalid) faults_[SURPLUS] += 1;
        }
    }

    void clock() {
        top_->aclk = 0;
        top_->eval();
        top_->aclk = 1;
        top_->eval();
    }

    bool may_feed() const {
        if (in_ == given_) return false;
        return !settings_[ALONE] || in_ % IN_BEATS || in_ / IN_BEATS * OUT_BEATS <= out_;
    }

    // An offer stays until it is taken. Data without valid are random, and so is what fills the last byte.
    void cycle() {
        if (!offered_) {
            scramble();
            offered_ = may_feed() && !gaps_.now();
            if (offered_) feed();
        }
        top_->s_axis_tvalid = offered_;
        top_->m_axis_tready = !stalls_.now();
        top_->aclk = 0;
        top_->eval();
        look();
        const bool taken = offered_ && top_->s_axis_tready;
        top_->aclk = 1;
        top_->eval();
        if (taken) {
            if (in_ % IN_BEATS == 0) timing_[TIMINGS * (in_ / IN_BEATS) + CYCLE_IN] = int64_t(cycle_);
            in_ += 1;
            offered_ = false;
        }
        cycle_ += 1;
    }

    void look() {
        uint32_t data[port_words(OUT_BITS)] = {0};
        load(top_->m_axis_tdata, data);
        const bool valid = top_->m_axis_tvalid, last = top_->m_axis_tlast;
        if (waiting_ && !valid) faults_[WITHDRAWN] += 1;
        if (waiting_ && valid && (last != waiting_last_ || std::memcmp(data, waiting_data_, sizeof data) != 0))
            faults_[CHANGED] += 1;
        if (valid && last != (out_ % OUT_BEATS == OUT_BEATS - 1)) faults_[MISMARKED] += 1;
        if (valid && OUT_BITS % 8 && data[OUT_BITS / 32] >> (OUT_BITS % 32)) faults_[PADDED] += 1;
        if (settings_[STALL_PERCENT] == 0 && !top_->s_axis_tready) faults_[REFUSED] += 1;
        waiting_ = valid && !top_->m_axis_tready;
        waiting_last_ = last;
        std::memcpy(waiting_data_, data, sizeof data);
        if (valid && top_->m_axis_tready) take(data);
    }

    void feed() {
        uint32_t words[port_words(IN_BYTES * 8)] = {0};
        std::size_t first = 0;
#define PORT(position, name, codes, width, is_signed)                                                                  \
    pack<codes, width>(inputs_[position] + codes * in_, words, first);                                                 \
    first += codes * width;
        HWGEN_INPUTS(PORT)
#undef PORT
        for (; first < IN_BYTES * 8; first++) words[first / 32] |= uint32_t(random_.next() >> 63) << (first % 32);
        store(top_->s_axis_tdata, words);
    }

    void scramble() {
        uint32_t words[port_words(IN_BYTES * 8)];
        for (uint32_t &word : words) word = uint32_t(random_.next() >> 32);
        if (IN_BYTES % 4) words[IN_BYTES / 4] &= (uint32_t(1) << (IN_BYTES % 4 * 8)) - 1;
        store(top_->s_axis_tdata, words);
    }

    void take(const uint32_t *data) {
        // A sample's beats may leave from its first beat on.
        if (out_ >= (in_ + IN_BEATS - 1) / IN_BEATS * OUT_BEATS) {
            faults_[SURPLUS] += 1;
            return;
        }
        std::size_t first = 0;
#define PORT(position, name, codes, width, is_signed)                                                                  \
    unpack<codes, width, is_signed>(data, first, outputs_[position] + codes * out_);                                   \
    first += codes * width;
        HWGEN_OUTPUTS(PORT)
#undef PORT
        out_ += 1;
        if (out_ % OUT_BEATS == 0) timing_[TIMINGS * (out_ / OUT_BEATS - 1) + CYCLE_OUT] = int64_t(cycle_);
    }

    const int64_t *const *inputs_;
    int64_t *const *outputs_;
    const std::size_t given_, expected_; // beats
    const int64_t *const settings_;
    int64_t *const timing_;
    int64_t *const faults_;
    Random random_;
    Chance gaps_, stalls_;
    VerilatedContext context_;
    std::unique_ptr<Vdut> top_;
    std::size_t in_ = 0, out_ = 0; // beats
    bool offered_ = false, waiting_ = false, waiting_last_ = false;
    uint32_t waiting_data_[port_words(OUT_BITS)] = {0};
    uint64_t cycle_ = 0;
};

} // namespace

// inputs: the network's, (samples, codes) each, then the settings, (samples, SETTINGS).
// outputs: the network's, then the timing, (samples, TIMINGS), and the faults, (samples, FAULTS). Outputs of samples that
// never came are left as they are.
extern "C" int hwgen_axis_run(const int64_t *const *inputs, int64_t *const *outputs, std::size_t samples) {
    Run(inputs, outputs, samples).run();
    return 0;
}

// Verilator's runtime asks for it.
double sc_time_stamp() { return 0; }
