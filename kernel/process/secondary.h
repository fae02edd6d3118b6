// secondary.h: brings the other CPUs into the scheduler.
#pragma once

namespace kernel {

// Starts every CPU that possible_cpus() counts, one after the other; on each the protections are
// provoked before it takes part. One that does not come, or is not like the boot CPU, is left out
// with a warning. On process 1's thread, before there are programs.
void start_other_cpus();

}  // namespace kernel
