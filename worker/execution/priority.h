// Makes processes give way to all others.
#pragma once

namespace extfarm {

// Puts `pid` and all that descends from it, now or later, behind whatever else
// wants a processor (SCHED_IDLE) or the disk (idle class).  Not for before the
// exec: who waits for that would wait for an idle moment.  Processes that end
// meanwhile are skipped.
void make_idle(int pid);

}  // namespace extfarm
