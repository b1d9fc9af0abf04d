# Stages of build_prj.tcl: 1 runs, 0 skips.
array set opt {
    reset      0
    csim       1
    synth      1
    cosim      1
    validation 1
    export     0
    vsynth     0
    fifo_opt   0
}
