// A register slice for a stream with valid and ready: every output comes from a register, nothing is lost, one beat a
// cycle. While the receiver waits, one more beat is taken into a spare register.
`default_nettype none

module hwgen_register_slice #(
    parameter WIDTH = 8
) (
    input wire clk,
    input wire rst,
    input wire [WIDTH-1:0] in_data,
    input wire in_valid,
    output wire in_ready,
    output reg [WIDTH-1:0] out_data,
    output reg out_valid,
    input wire out_ready
);
    reg [WIDTH-1:0] spare_data;
    reg spare_valid;

    assign in_ready = !spare_valid;

    // Only the valid bits need a reset: without them nobody looks at the data.
    always @(posedge clk) begin
        if (rst) begin
            out_valid <= 1'b0;
            spare_valid <= 1'b0;
        end else if (out_ready || !out_valid) begin
            out_valid <= in_valid || spare_valid;
            spare_valid <= 1'b0;
        end else if (in_valid) begin
            spare_valid <= 1'b1;
        end
    end

    always @(posedge clk) begin
        if (out_ready || !out_valid) out_data <= spare_valid ? spare_data : in_data;
        if (!spare_valid) spare_data <= in_data;
    end
endmodule

`default_nettype wire
