// How OpenMP's threads wait for each other.
#pragma once

namespace sclip {

// libgomp lets a thread that waits spin for milliseconds. On a machine with anything else to do, those threads hold the
// cores that the work needs: measured 10 times slower at six runnable threads a core. Here they spin for some 50 µs,
// enough to bridge the gaps within a forward pass, and then sleep. The runtime reads its environment before main, so
// the process starts itself again, once; OMP_WAIT_POLICY or GOMP_SPINCOUNT in the environment are left as they are.
void shorten_openmp_waiting(char** argv);

}  // namespace sclip
