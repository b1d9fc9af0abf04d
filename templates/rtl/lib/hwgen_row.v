// a + b + c + d + carry_in, some bits inverted, in one row of carry logic: three bits of a position enter a LUT, and d
// enters the carry chain wherever the carry-save of the position below leaves room.
//
// SAVES says which positions have a carry-save: those in which at least two bits of a, b and c are not constant zero.
// Above each of them d is zero. INVERT_A to INVERT_D say which bits are inverted; INVERT_D is zero where SAVES is one,
// but in the last position of a row that is not open.
// Bits 0 to WIDTH-1 are the sum. Where the row is OPEN, bit WIDTH is the carry of the chain and bit WIDTH+1 the
// carry-save of the last position, both of weight 2**WIDTH.
//
// HWGEN_AMD_PRIMITIVES selects the structure: one LUT6_2 a position, whose O5 saves the carry of a + b + c for the next
// and whose O6 adds what the position below saved, and one carry chain (CARRY4, or CARRY8 with HWGEN_AMD_CARRY8 for
// UltraScale and UltraScale+). Positions without a carry-save are left to the synthesis tool, which finds one LUT too.
// Without it the module is an expression, for simulation and for other vendors.
// Source: J. M. Simkins and B. D. Philofsky, US patent 7,274,211 (2007), structure of a three-operand adder.
`default_nettype none

module hwgen_row #(
    parameter WIDTH = 8,
    parameter OPEN = 0,
    parameter [WIDTH-1:0] SAVES = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] INVERT_A = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] INVERT_B = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] INVERT_C = {WIDTH{1'b0}},
    parameter [WIDTH-1:0] INVERT_D = {WIDTH{1'b0}}
) (
    input wire [WIDTH-1:0] a,
    input wire [WIDTH-1:0] b,
    input wire [WIDTH-1:0] c,
    input wire [WIDTH-1:0] d,
    input wire carry_in,
    output wire [WIDTH+2*OPEN-1:0] sum
);
`ifdef HWGEN_AMD_PRIMITIVES
`ifdef HWGEN_AMD_CARRY8
    localparam BLOCK = 8;
`else
    localparam BLOCK = 4;
`endif
    localparam BLOCKS = (WIDTH + BLOCK - 1) / BLOCK;
    localparam BITS = BLOCKS * BLOCK;

    // O5: the majority of three bits, or the fourth one as it is; O6: the exclusive or of all.
    function [63:0] lut_init;
        input [3:0] invert;
        input majority;
        integer address;
        reg [3:0] bits;
        begin
            for (address = 0; address < 32; address = address + 1) begin
                bits = address[3:0] ^ invert;
                lut_init[address] =
                    majority ? (bits[0] & bits[1]) | (bits[0] & bits[2]) | (bits[1] & bits[2]) : bits[3];
                lut_init[address + 32] = bits[0] ^ bits[1] ^ bits[2] ^ bits[3];
            end
        end
    endfunction

    wire [BITS:0] saved;
    wire [BITS-1:0] direct;
    wire [BITS-1:0] propagate;
    wire [BITS-1:0] total;
    wire [BITS-1:0] carry;

    assign saved[0] = 1'b0;

    genvar i;
    generate
        for (i = 0; i < BITS; i = i + 1) begin : position
            if (i >= WIDTH) begin : above
                assign saved[i+1] = 1'b0;
                assign direct[i] = 1'b0;
                assign propagate[i] = 1'b0;
            end else if (i == WIDTH - 1 && OPEN == 0) begin : last
                wire fourth = (d[i] ^ INVERT_D[i]) | saved[i];
                assign saved[i+1] = 1'b0;
                assign direct[i] = 1'b0;
                assign propagate[i] = (a[i] ^ INVERT_A[i]) ^ (b[i] ^ INVERT_B[i]) ^ (c[i] ^ INVERT_C[i]) ^ fourth;
            end else if (SAVES[i]) begin : saving
                wire fourth = d[i] | saved[i];
                LUT6_2 #(.INIT(lut_init({1'b0, INVERT_C[i], INVERT_B[i], INVERT_A[i]}, 1'b1))) lut (
                    .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(fourth), .I4(1'b0), .I5(1'b1),
                    .O5(saved[i+1]), .O6(propagate[i])
                );
                assign direct[i] = fourth;
            end else if (INVERT_D[i]) begin : inverting
                assign saved[i+1] = 1'b0;
                LUT6_2 #(.INIT(lut_init({1'b1, INVERT_C[i], INVERT_B[i], INVERT_A[i]}, 1'b0))) lut (
                    .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(d[i]), .I4(1'b0), .I5(1'b1),
                    .O5(direct[i]), .O6(propagate[i])
                );
            end else begin : plain
                wire fourth = d[i] | saved[i];
                assign saved[i+1] = 1'b0;
                assign direct[i] = fourth;
                assign propagate[i] = (a[i] ^ INVERT_A[i]) ^ (b[i] ^ INVERT_B[i]) ^ (c[i] ^ INVERT_C[i]) ^ fourth;
            end
        end
        for (i = 0; i < BLOCKS; i = i + 1) begin : carry_block
`ifdef HWGEN_AMD_CARRY8
            if (i == 0) begin : first
                CARRY8 #(.CARRY_TYPE("SINGLE_CY8")) chain (
                    .CI(carry_in), .CI_TOP(1'b0), .DI(direct[7:0]), .S(propagate[7:0]),
                    .O(total[7:0]), .CO(carry[7:0])
                );
            end else begin : next
                CARRY8 #(.CARRY_TYPE("SINGLE_CY8")) chain (
                    .CI(carry[8*i-1]), .CI_TOP(1'b0), .DI(direct[8*i+:8]), .S(propagate[8*i+:8]),
                    .O(total[8*i+:8]), .CO(carry[8*i+:8])
                );
            end
`else
            if (i == 0) begin : first
                CARRY4 chain (
                    .CI(1'b0), .CYINIT(carry_in), .DI(direct[3:0]), .S(propagate[3:0]),
                    .O(total[3:0]), .CO(carry[3:0])
                );
            end else begin : next
                CARRY4 chain (
                    .CI(carry[4*i-1]), .CYINIT(1'b0), .DI(direct[4*i+:4]), .S(propagate[4*i+:4]),
                    .O(total[4*i+:4]), .CO(carry[4*i+:4])
                );
            end
`endif
        end
        if (OPEN != 0) begin : ends
            assign sum = {saved[WIDTH], carry[WIDTH-1], total[WIDTH-1:0]};
        end else begin : closed
            assign sum = total[WIDTH-1:0];
        end
    endgenerate

    wire unused = &{1'b0, saved, total, carry, d, 1'b0};
`else
    wire [WIDTH-1:0] one = a ^ INVERT_A;
    wire [WIDTH-1:0] two = b ^ INVERT_B;
    wire [WIDTH-1:0] three = c ^ INVERT_C;
    wire [WIDTH-1:0] four = d ^ INVERT_D;

    generate
        if (OPEN != 0) begin : ends
            wire top = SAVES[WIDTH-1] & (
                (one[WIDTH-1] & two[WIDTH-1]) | (one[WIDTH-1] & three[WIDTH-1]) | (two[WIDTH-1] & three[WIDTH-1]));
            wire [WIDTH+1:0] total = {2'b00, one} + {2'b00, two} + {2'b00, three} + {2'b00, four}
                + {{(WIDTH + 1){1'b0}}, carry_in};
            wire carry = top ? total[WIDTH+1] : total[WIDTH];
            wire unused = &{1'b0, total[WIDTH+1], 1'b0};
            assign sum = {top, carry, total[WIDTH-1:0]};
        end else if (WIDTH == 1) begin : single
            assign sum = one ^ two ^ three ^ four ^ carry_in;
        end else begin : closed
            assign sum = one + two + three + four + {{(WIDTH - 1){1'b0}}, carry_in};
        end
    endgenerate
`endif
endmodule

`default_nettype wire
