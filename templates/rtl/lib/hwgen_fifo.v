// Beats that wait, the oldest in out. One that comes while DEPTH of them wait and none leaves would be lost; the depth is
// computed so that this cannot happen.
//
// PLACE_BITS hold DEPTH - 1, COUNT_BITS hold DEPTH.
`default_nettype none

module hwgen_fifo #(
    parameter WIDTH = 8,
    parameter [31:0] DEPTH = 4,
    parameter PLACE_BITS = 2,
    parameter COUNT_BITS = 3
) (
    input wire clk,
    input wire rst,
    input wire ce,
    input wire push,
    input wire [WIDTH-1:0] in,
    input wire pop,
    output wire ready,
    output wire [WIDTH-1:0] out
);
    localparam [31:0] LAST = DEPTH - 32'd1;
    reg [COUNT_BITS-1:0] count;

    assign ready = count != {COUNT_BITS{1'b0}};

    always @(posedge clk) begin
        if (rst) count <= {COUNT_BITS{1'b0}};
        else if (ce && push && !pop) count <= count + 1'b1;
        else if (ce && pop && !push) count <= count - 1'b1;
    end

    generate
        if (DEPTH == 1) begin : one
            reg [WIDTH-1:0] held;
            wire unused = &{1'b0, LAST, 1'b0};
            always @(posedge clk) if (ce && push) held <= in;
            assign out = held;
        end else begin : ring
            reg [WIDTH-1:0] memory [0:DEPTH-1];
            reg [PLACE_BITS-1:0] oldest, next;
            always @(posedge clk) if (ce && push) memory[next] <= in;
            always @(posedge clk) begin
                if (rst) begin
                    oldest <= {PLACE_BITS{1'b0}};
                    next <= {PLACE_BITS{1'b0}};
                end else if (ce) begin
                    if (push) next <= (next == LAST[PLACE_BITS-1:0]) ? {PLACE_BITS{1'b0}} : next + 1'b1;
                    if (pop) oldest <= (oldest == LAST[PLACE_BITS-1:0]) ? {PLACE_BITS{1'b0}} : oldest + 1'b1;
                end
            end
            assign out = memory[oldest];
        end
    endgenerate
endmodule

`default_nettype wire
