// BEATS beats side by side, the first one lowest, in the cycle after the last one came.
`default_nettype none

module hwgen_gather #(
    parameter WIDTH = 8,
    parameter [31:0] BEATS = 2,
    parameter BEAT_BITS = 1
) (
    input wire clk,
    input wire rst,
    input wire ce,
    input wire in_valid,
    input wire [WIDTH-1:0] in,
    output reg out_valid,
    output reg [BEATS*WIDTH-1:0] out
);
    localparam [31:0] LAST = BEATS - 32'd1;
    reg [BEAT_BITS-1:0] beat;
    wire last = beat == LAST[BEAT_BITS-1:0];

    always @(posedge clk) begin
        if (rst) begin
            beat <= {BEAT_BITS{1'b0}};
            out_valid <= 1'b0;
        end else if (ce) begin
            out_valid <= in_valid && last;
            if (in_valid) beat <= last ? {BEAT_BITS{1'b0}} : beat + 1'b1;
        end
    end

    always @(posedge clk) if (ce && in_valid) out <= {in, out[BEATS*WIDTH-1:WIDTH]};
endmodule

`default_nettype wire
