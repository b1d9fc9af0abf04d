// For Yosys: a sum stays the one carry chain that it was written as, before anything is put together with others.
(* techmap_celltype = "$add $sub" *)
module keep_sums (A, B, Y);
    parameter A_SIGNED = 0; parameter B_SIGNED = 0; parameter A_WIDTH = 1; parameter B_WIDTH = 1; parameter Y_WIDTH = 1;
    parameter _TECHMAP_CELLTYPE_ = "";
    input [A_WIDTH-1:0] A; input [B_WIDTH-1:0] B; output [Y_WIDTH-1:0] Y;
    wire [Y_WIDTH-1:0] x, carries;
    localparam MINUS = _TECHMAP_CELLTYPE_ == "$sub";
    \$alu #(.A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH))
        _TECHMAP_REPLACE_ (.A(A), .B(B), .CI(MINUS), .BI(MINUS), .X(x), .Y(Y), .CO(carries));
endmodule
