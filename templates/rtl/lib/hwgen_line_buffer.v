// Pixels on their way: out is what in was LENGTH steps ago. A ring in memory; the synthesis tool chooses which kind.
//
// PLACE_BITS hold LENGTH - 2. What the memory holds at first does not matter: nothing looks at it before it is written.
`default_nettype none

module hwgen_line_buffer #(
    parameter WIDTH = 8,
    parameter [31:0] LENGTH = 4,
    parameter PLACE_BITS = 2
) (
    input wire clk,
    input wire rst,
    input wire step,
    input wire [WIDTH-1:0] in,
    output reg [WIDTH-1:0] out
);
    generate
        if (LENGTH == 1) begin : one
            wire unused = &{1'b0, rst, 1'b0};
            always @(posedge clk) if (step) out <= in;
        end else begin : ring
            localparam [31:0] LAST = LENGTH - 32'd2;
            reg [WIDTH-1:0] memory [0:LENGTH-2];
            reg [PLACE_BITS-1:0] place;

            // In a step the oldest pixel comes out, and the new one takes its place.
            always @(posedge clk) begin
                if (step) begin
                    out <= memory[place];
                    memory[place] <= in;
                end
            end
            always @(posedge clk) begin
                if (rst) place <= {PLACE_BITS{1'b0}};
                else if (step) place <= (place == LAST[PLACE_BITS-1:0]) ? {PLACE_BITS{1'b0}} : place + 1'b1;
            end
        end
    endgenerate
endmodule

`default_nettype wire
