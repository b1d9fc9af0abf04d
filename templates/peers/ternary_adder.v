// Stands in for alkaid's three-operand adder when its LUTs are counted: the same ports and parameters, the structural
// adder of hwgen inside, and wires where only one operand has bits.
module ternary_adder #(
    parameter BW_INPUT0 = 32, parameter SIGNED0 = 0, parameter NEGATE0 = 0, parameter PAD0 = 0,
    parameter BW_INPUT1 = 32, parameter SIGNED1 = 0, parameter NEGATE1 = 0, parameter PAD1 = 0,
    parameter BW_INPUT2 = 32, parameter SIGNED2 = 0, parameter NEGATE2 = 0, parameter PAD2 = 0,
    parameter BW_OUT = 32, parameter DROP_LSBS = 0
) (
    input [BW_INPUT0-1:0] in0,
    input [BW_INPUT1-1:0] in1,
    input [BW_INPUT2-1:0] in2,
    output [BW_OUT-1:0] out
);
    localparam TOP = BW_OUT + DROP_LSBS;
    localparam WIDEST = 128;
    localparam [2:0] NEGATE = {NEGATE2 != 0, NEGATE1 != 0, NEGATE0 != 0};

    function integer min2; input integer x, y; min2 = x < y ? x : y; endfunction
    function integer max2; input integer x, y; max2 = x > y ? x : y; endfunction
    localparam LOW = min2(PAD0, min2(PAD1, PAD2));
    localparam SECOND = max2(min2(PAD0, PAD1), min2(max2(PAD0, PAD1), PAD2));
    localparam LOWEST_NEGATED = PAD0 == LOW ? NEGATE0 : PAD1 == LOW ? NEGATE1 : NEGATE2;
    localparam START = min2(TOP - 1, LOWEST_NEGATED != 0 ? LOW : SECOND);

    wire [WIDEST-1:0] a = {{(WIDEST - BW_INPUT0){SIGNED0 != 0 && in0[BW_INPUT0-1]}}, in0} << PAD0;
    wire [WIDEST-1:0] b = {{(WIDEST - BW_INPUT1){SIGNED1 != 0 && in1[BW_INPUT1-1]}}, in1} << PAD1;
    wire [WIDEST-1:0] c = {{(WIDEST - BW_INPUT2){SIGNED2 != 0 && in2[BW_INPUT2-1]}}, in2} << PAD2;
    wire [WIDEST-1:0] low = (PAD0 == LOW ? a : PAD1 == LOW ? b : c) & ((128'd1 << START) - 1);
    wire [TOP-START-1:0] sum;
    generate
        if (NEGATE == 3'b111) begin : all
            assign sum = -a[TOP-1:START] - b[TOP-1:START] - c[TOP-1:START];
        end else begin : some
            hwgen_add3 #(.WIDTH(TOP - START), .NEGATE(NEGATE)) add (
                .a(a[TOP-1:START]), .b(b[TOP-1:START]), .c(c[TOP-1:START]), .sum(sum)
            );
        end
    endgenerate
    wire [TOP-1:0] whole = ({{START{1'b0}}, sum} << START) | low[TOP-1:0];
    assign out = whole[TOP-1:DROP_LSBS];
endmodule
