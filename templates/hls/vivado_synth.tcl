# Logic synthesis of the Verilog that HLS wrote, for resource numbers before place and route.
set here [file dirname [file normalize [info script]]]
source [file join $here project.tcl]

add_files ${project_name}_prj/solution1/syn/verilog
synth_design -top ${project_name} -part $part -mode out_of_context
opt_design -retarget -propconst -sweep -bram_power_opt -shift_register_opt
report_utilization -file vivado_synth.rpt
