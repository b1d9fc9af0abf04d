# Builds the project with Vitis HLS (or Vivado HLS):
#     vitis-run --mode hls --tcl build_prj.tcl
#     vitis_hls -f build_prj.tcl "reset=1 cosim=0"
# Stages are chosen in build_opt.tcl, or after the script's name as stage=0 and stage=1.

set here [file dirname [file normalize [info script]]]
source [file join $here project.tcl]
source [file join $here build_opt.tcl]

foreach argument $::argv {
    foreach stage [array names opt] {
        regexp "(?:^|\\s)$stage=(\\d+)" $argument whole opt($stage)
    }
}
if {$opt(fifo_opt)} {
    puts "ERROR: fifo_opt: the depths of FIFOs were computed when this project was written; there is nothing to measure."
    exit 1
}

# Runs one stage and reports its time, in the words that hls4ml's log readers look for.
proc run_stage {title commands} {
    puts "***** $title *****"
    set start [clock seconds]
    uplevel 1 $commands
    set seconds [expr {[clock seconds] - $start}]
    set hours [expr {$seconds / 3600}]
    set minutes [expr {$seconds / 60 % 60}]
    puts "***** $title COMPLETED IN ${hours}h${minutes}m[expr {$seconds % 60}]s *****"
}

proc file_content {path} {
    set channel [open $path r]
    set content [read $channel]
    close $channel
    return $content
}

cd $here
file mkdir tb_data

if {$opt(reset)} {
    open_project -reset ${project_name}_prj
} else {
    open_project ${project_name}_prj
}
set_top $project_name
foreach path $sources {
    add_files $path -cflags "-std=c++14"
}
add_files -tb ${project_name}_test.cpp -cflags "-std=c++14"
add_files -tb tb_data

if {$opt(reset)} {
    open_solution -reset "solution1"
} else {
    open_solution "solution1"
}
# Only Vivado HLS knows this option.
catch {config_array_partition -maximum_size $maximum_size}
config_compile -name_max_length 80
set_part $part
config_schedule -enable_dsp_full_reg=false
create_clock -period $clock_period -name default
set_clock_uncertainty $clock_uncertainty default

if {$opt(csim)} {
    run_stage "C SIMULATION" {csim_design}
}

if {$opt(synth)} {
    run_stage "C/RTL SYNTHESIS" {csynth_design}
}

if {$opt(cosim)} {
    # The testbench writes to another log when it drives RTL.
    add_files -tb ${project_name}_test.cpp -cflags "-std=c++14 -DRTL_SIM"
    run_stage "C/RTL SIMULATION" {cosim_design}
}

if {$opt(validation) && $opt(csim) && $opt(cosim)} {
    run_stage "C/RTL VALIDATION" {
        if {[file_content tb_data/csim_results.log] ne [file_content tb_data/rtl_cosim_results.log]} {
            puts "ERROR: tb_data/csim_results.log and tb_data/rtl_cosim_results.log differ."
            exit 1
        }
        puts "INFO: Test PASSED"
    }
}

if {$opt(export)} {
    run_stage "EXPORT IP" {export_design -format ip_catalog -version $version}
}

if {$opt(vsynth)} {
    if {![file isdirectory ${project_name}_prj/solution1/syn/verilog]} {
        puts "ERROR: vsynth needs the Verilog of C/RTL synthesis; run with synth=1 first."
        exit 1
    }
    run_stage "VIVADO SYNTHESIS" {exec vivado -mode batch -source vivado_synth.tcl >@ stdout}
}

exit
