// Drives an AXI4-Stream wrapper with gaps, stalls and a reset, and counts everything that a stream must not do.
//
// Macros: DUT, IN_BITS, OUT_BITS, SAMPLES. given.hex and expected.hex hold one beat a line.
// Plusargs: +gap and +stall (percent of cycles), +seed, +latency (cycles of the core), +reset_after (samples that are in
// when reset comes; 0 for none), +reset_cycles.
// After a reset the samples that were inside are gone; the next one to come out is the first that goes in after it.
`default_nettype none

module axis_tb;
    reg aclk;
    reg aresetn;
    reg [`IN_BITS-1:0] s_axis_tdata;
    reg s_axis_tvalid;
    wire s_axis_tready;
    wire [`OUT_BITS-1:0] m_axis_tdata;
    wire m_axis_tvalid;
    reg m_axis_tready;
    wire m_axis_tlast;

    `DUT dut (
        .aclk(aclk),
        .aresetn(aresetn),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast)
    );

    reg [`IN_BITS-1:0] given [0:`SAMPLES-1];
    reg [`OUT_BITS-1:0] expected [0:`SAMPLES-1];

    integer gap, stall, seed, latency, reset_after, reset_cycles, read;
    integer sent, received, cycle;
    integer dropped; // samples before the reset, whether they came out or not
    integer first_in; // cycle in which the first sample after reset went in
    reg taken; // the sample that is offered
    reg waiting; // a beat was there in the last cycle and was not taken
    reg [`OUT_BITS-1:0] waiting_data;
    reg flowing; // a beat came out since reset

    // Faults, by kind.
    integer wrong; // another beat than the reference says
    integer surplus; // a beat of no sample that is inside
    integer lost; // samples that never came out
    integer withdrawn; // valid fell before ready came
    integer changed; // data changed before ready came
    integer unknown; // valid or ready is x
    integer unmarked; // valid without last
    integer refused; // not ready, though nobody waits for the receiver
    integer late; // not in the cycle that the latency says
    integer bubbles; // no beat, though samples were offered in every cycle
    integer valid_in_reset;

    always #5 aclk = !aclk;

    // One cycle from falling edge to falling edge. An offer stays until it is taken; data without valid are unknown.
    task step;
        begin
            if (!s_axis_tvalid) begin
                s_axis_tvalid = aresetn && sent < `SAMPLES && $unsigned($random(seed)) % 100 >= gap;
                s_axis_tdata = s_axis_tvalid ? given[sent] : {`IN_BITS{1'bx}};
            end
            m_axis_tready = $unsigned($random(seed)) % 100 >= stall;
            #4; // just before the rising edge
            if (aresetn) look;
            taken = s_axis_tvalid && s_axis_tready && aresetn;
            if (taken && sent == dropped) first_in = cycle;
            if (taken) sent = sent + 1;
            cycle = cycle + 1;
            @(negedge aclk);
            if (taken) s_axis_tvalid = 1'b0;
        end
    endtask

    task look;
        begin
            if ((^{s_axis_tready, m_axis_tvalid}) === 1'bx) unknown = unknown + 1;
            if (waiting && m_axis_tvalid !== 1'b1) withdrawn = withdrawn + 1;
            if (waiting && m_axis_tvalid && m_axis_tdata !== waiting_data) changed = changed + 1;
            if (m_axis_tvalid && m_axis_tlast !== 1'b1) unmarked = unmarked + 1;
            if (stall == 0 && !s_axis_tready) refused = refused + 1;
            if (gap == 0 && flowing && received < `SAMPLES && !m_axis_tvalid) bubbles = bubbles + 1;
            if (m_axis_tvalid && m_axis_tready) begin
                if (received >= sent) surplus = surplus + 1;
                else begin
                    if (m_axis_tdata !== expected[received]) wrong = wrong + 1;
                    if (gap == 0 && stall == 0 && cycle - first_in != received - dropped + latency + 1) late = late + 1;
                    received = received + 1;
                end
            end
            if (m_axis_tvalid) flowing = 1'b1;
            waiting = m_axis_tvalid && !m_axis_tready;
            waiting_data = m_axis_tdata;
        end
    endtask

    task reset;
        begin
            aresetn = 1'b0;
            s_axis_tvalid = 1'b0;
            repeat (reset_cycles) begin
                step;
                if (m_axis_tvalid !== 1'b0) valid_in_reset = valid_in_reset + 1;
            end
            dropped = sent;
            received = sent;
            waiting = 1'b0;
            flowing = 1'b0;
            aresetn = 1'b1;
        end
    endtask

    initial begin
        read = $value$plusargs("gap=%d", gap) + $value$plusargs("stall=%d", stall) + $value$plusargs("seed=%d", seed)
            + $value$plusargs("latency=%d", latency) + $value$plusargs("reset_after=%d", reset_after)
            + $value$plusargs("reset_cycles=%d", reset_cycles);
        if (read != 6) $display("plusargs are missing");
        $readmemh("given.hex", given);
        $readmemh("expected.hex", expected);
        {wrong, surplus, lost, withdrawn, changed, unknown, unmarked, refused, late, bubbles, valid_in_reset} = 0;
        {sent, cycle} = 0;
        aclk = 1'b0;
        @(negedge aclk);
        reset;
        while (received < `SAMPLES && cycle < 40 * (`SAMPLES + latency) + 1000) begin
            step;
            if (reset_after != 0 && sent >= reset_after && dropped == 0) reset;
        end
        repeat (2 * latency + 10) step;
        lost = `SAMPLES - received;
        $display("wrong=%0d surplus=%0d lost=%0d withdrawn=%0d changed=%0d unknown=%0d unmarked=%0d", wrong, surplus, lost,
            withdrawn, changed, unknown, unmarked);
        $display("refused=%0d late=%0d bubbles=%0d valid_in_reset=%0d dropped=%0d", refused, late, bubbles,
            valid_in_reset, dropped);
        $finish;
    end
endmodule

`default_nettype wire
