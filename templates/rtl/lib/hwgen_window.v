// When a sliding window steps, where its anchor stands, and which steps bring an output.
//
// Frames of ROWS x COLUMNS pixels come row by row, one a cycle with in_valid. A pixel is the window's anchor LEAD steps
// after it came. Each pixel is a step. Behind the last one of a frame, steps without a pixel follow as long as pixels wait
// to become the anchor, until the next frame's first pixel comes: its steps go on where those stopped.
// An output comes where row and column of the anchor are FIRST_ROW, FIRST_ROW + ROW_STRIDE, ... and likewise columns.
`default_nettype none

module hwgen_window #(
    parameter [31:0] ROWS = 4,
    parameter [31:0] COLUMNS = 4,
    parameter LEAD = 5,
    parameter [31:0] FIRST_ROW = 0,
    parameter [31:0] FIRST_COLUMN = 0,
    parameter [31:0] ROW_STRIDE = 1,
    parameter [31:0] COLUMN_STRIDE = 1,
    parameter ROW_BITS = 2,
    parameter COLUMN_BITS = 2,
    parameter PIXEL_BITS = 4
) (
    input wire clk,
    input wire rst,
    input wire ce,
    input wire in_valid,
    output wire step,
    output wire out_valid,
    output reg [ROW_BITS-1:0] row,
    output reg [COLUMN_BITS-1:0] column
);
    localparam [31:0] LAST_ROW = ROWS - 32'd1;
    localparam [31:0] LAST_COLUMN = COLUMNS - 32'd1;
    localparam [31:0] LAST_PIXEL = ROWS * COLUMNS - 32'd1;
    localparam [31:0] NEXT_ROW = ROW_STRIDE - 32'd1;
    localparam [31:0] NEXT_COLUMN = COLUMN_STRIDE - 32'd1;

    reg [PIXEL_BITS-1:0] pixel; // of the frame, that comes next
    reg [ROW_BITS-1:0] rows_left; // until the next row with outputs
    reg [COLUMN_BITS-1:0] columns_left;
    reg [LEAD:0] live; // which steps brought a pixel, the newest in bit 0, the anchor in bit LEAD
    reg stepped;
    wire [LEAD+1:0] next_live = {live, in_valid};
    wire last_column = column == LAST_COLUMN[COLUMN_BITS-1:0];
    wire unused = &{1'b0, next_live[LEAD+1], 1'b0};

    generate
        if (LEAD == 0) begin : at_once
            assign step = in_valid;
        end else begin : later
            // Found a step ahead, for it enables everything that steps.
            reg waiting; // a pixel has yet to become the anchor
            always @(posedge clk) begin
                if (rst) waiting <= 1'b0;
                else if (ce && step) waiting <= |next_live[LEAD-1:0];
            end
            assign step = in_valid || (pixel == {PIXEL_BITS{1'b0}} && waiting);
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            pixel <= {PIXEL_BITS{1'b0}};
            live <= {LEAD + 1{1'b0}};
        end else if (ce) begin
            if (in_valid) pixel <= (pixel == LAST_PIXEL[PIXEL_BITS-1:0]) ? {PIXEL_BITS{1'b0}} : pixel + 1'b1;
            if (step) live <= next_live[LEAD:0];
        end
    end

    // Needs no reset: without a live anchor nobody looks at it.
    always @(posedge clk) if (ce) stepped <= step;

    always @(posedge clk) begin
        if (rst) begin
            row <= {ROW_BITS{1'b0}};
            column <= {COLUMN_BITS{1'b0}};
            rows_left <= FIRST_ROW[ROW_BITS-1:0];
            columns_left <= FIRST_COLUMN[COLUMN_BITS-1:0];
        end else if (ce && step && live[LEAD]) begin
            if (!last_column) begin
                column <= column + 1'b1;
                columns_left <= (columns_left == {COLUMN_BITS{1'b0}}) ? NEXT_COLUMN[COLUMN_BITS-1:0] : columns_left - 1'b1;
            end else begin
                column <= {COLUMN_BITS{1'b0}};
                columns_left <= FIRST_COLUMN[COLUMN_BITS-1:0];
                if (row != LAST_ROW[ROW_BITS-1:0]) begin
                    row <= row + 1'b1;
                    rows_left <= (rows_left == {ROW_BITS{1'b0}}) ? NEXT_ROW[ROW_BITS-1:0] : rows_left - 1'b1;
                end else begin
                    row <= {ROW_BITS{1'b0}};
                    rows_left <= FIRST_ROW[ROW_BITS-1:0];
                end
            end
        end
    end

    assign out_valid = stepped && live[LEAD] && rows_left == {ROW_BITS{1'b0}} && columns_left == {COLUMN_BITS{1'b0}};
endmodule

`default_nettype wire
