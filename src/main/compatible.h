// The compatible form: `server MODEL.gguf -t 0.0 -n 4096` (the program under its second name).
#pragma once

namespace strata {
/// -t temperature, -n most tokens of an answer; port 7860. OMP_NUM_THREADS and GOMP_CPU_AFFINITY
/// (lists and ranges) choose the threads; unset, they are spread evenly over the NUMA nodes.
int run_compatible_server(int argc, char** argv);
}  // namespace strata
