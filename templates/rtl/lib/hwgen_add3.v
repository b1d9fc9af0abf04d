// sum = (+/-)a (+/-)b (+/-)c, modulo 2**WIDTH: three operands in one row of carry logic.
//
// NEGATE has one bit an operand, a in bit 0; at most two may be set, for a row of carry logic takes two increments.
//
// HWGEN_AMD_PRIMITIVES selects the structure: one LUT6_2 a bit, whose O5 saves the carry of a + b + c for the next bit
// and whose O6 adds what the bit below saved, and one carry chain (CARRY4, or CARRY8 with HWGEN_AMD_CARRY8 for
// UltraScale and UltraScale+). Without it the module is an expression, for simulation and for other vendors.
// Source: J. M. Simkins and B. D. Philofsky, US patent 7,274,211 (2007), structure of a three-operand adder.
`default_nettype none

module hwgen_add3 #(
    parameter WIDTH = 8,
    parameter [2:0] NEGATE = 3'b000
) (
    input wire [WIDTH-1:0] a,
    input wire [WIDTH-1:0] b,
    input wire [WIDTH-1:0] c,
    output wire [WIDTH-1:0] sum
);
`ifdef HWGEN_AMD_PRIMITIVES
`ifdef HWGEN_AMD_CARRY8
    localparam BLOCK = 8;
`else
    localparam BLOCK = 4;
`endif
    localparam BLOCKS = (WIDTH + BLOCK - 1) / BLOCK;
    localparam BITS = BLOCKS * BLOCK;

    // A negated operand is inverted in the LUT and asks for one increment: the first enters the carry chain, the second
    // takes the saved carry that the lowest bit does not have.
    localparam FIRST_INCREMENT = (NEGATE == 3'b000) ? 1'b0 : 1'b1;
    localparam SECOND_INCREMENT =
        ((NEGATE[0] && NEGATE[1]) || (NEGATE[0] && NEGATE[2]) || (NEGATE[1] && NEGATE[2])) ? 1'b1 : 1'b0;

    function [63:0] lut_init;
        input [2:0] negate;
        integer address;
        reg [2:0] operand;
        begin
            for (address = 0; address < 32; address = address + 1) begin
                operand = address[2:0] ^ negate;
                lut_init[address] =
                    (operand[0] & operand[1]) | (operand[0] & operand[2]) | (operand[1] & operand[2]);
                lut_init[address + 32] = operand[0] ^ operand[1] ^ operand[2] ^ address[3];
            end
        end
    endfunction

    wire [BITS:0] saved;
    wire [BITS-1:0] propagate;
    wire [BITS-1:0] total;
    wire [BITS-1:0] carry;

    assign saved[0] = SECOND_INCREMENT;

    genvar i;
    generate
        for (i = 0; i < BITS; i = i + 1) begin : bit_slice
            if (i < WIDTH) begin : used
                LUT6_2 #(.INIT(lut_init(NEGATE))) lut (
                    .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(saved[i]), .I4(1'b0), .I5(1'b1),
                    .O5(saved[i+1]), .O6(propagate[i])
                );
            end else begin : above
                assign saved[i+1] = 1'b0;
                assign propagate[i] = 1'b0;
            end
        end
        for (i = 0; i < BLOCKS; i = i + 1) begin : carry_block
`ifdef HWGEN_AMD_CARRY8
            if (i == 0) begin : first
                CARRY8 #(.CARRY_TYPE("SINGLE_CY8")) chain (
                    .CI(FIRST_INCREMENT), .CI_TOP(1'b0), .DI(saved[7:0]), .S(propagate[7:0]),
                    .O(total[7:0]), .CO(carry[7:0])
                );
            end else begin : next
                CARRY8 #(.CARRY_TYPE("SINGLE_CY8")) chain (
                    .CI(carry[8*i-1]), .CI_TOP(1'b0), .DI(saved[8*i+:8]), .S(propagate[8*i+:8]),
                    .O(total[8*i+:8]), .CO(carry[8*i+:8])
                );
            end
`else
            if (i == 0) begin : first
                CARRY4 chain (
                    .CI(1'b0), .CYINIT(FIRST_INCREMENT), .DI(saved[3:0]), .S(propagate[3:0]),
                    .O(total[3:0]), .CO(carry[3:0])
                );
            end else begin : next
                CARRY4 chain (
                    .CI(carry[4*i-1]), .CYINIT(1'b0), .DI(saved[4*i+:4]), .S(propagate[4*i+:4]),
                    .O(total[4*i+:4]), .CO(carry[4*i+:4])
                );
            end
`endif
        end
    endgenerate

    assign sum = total[WIDTH-1:0];

    wire unused = &{1'b0, saved[BITS:WIDTH], total, carry, 1'b0};
`else
    generate
        if (NEGATE == 3'b000) begin : plus_plus
            assign sum = a + b + c;
        end else if (NEGATE == 3'b100) begin : plus_minus
            assign sum = a + b - c;
        end else if (NEGATE == 3'b110) begin : minus_minus
            assign sum = a - b - c;
        end else begin : any
            wire [WIDTH-1:0] first = NEGATE[0] ? -a : a;
            wire [WIDTH-1:0] second = NEGATE[1] ? -b : b;
            wire [WIDTH-1:0] third = NEGATE[2] ? -c : c;
            assign sum = first + second + third;
        end
    endgenerate
`endif
endmodule

`default_nettype wire
