// Where the slots' time went between the first submission and the last
// publication.  Knows no scheduler: it reads what was logged.
#pragma once

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

// `least`: the slot-seconds that no schedule can do without.  At each moment a
// slot's time counts once, under the first that holds: an attempt runs in it;
// one was handed over and has not started; something waits for memory; something
// is ready; a result is on its way; nothing is ready.
SlotTime slot_time_of(const BuildLog&, double least);

}  // namespace extfarm::reporting
