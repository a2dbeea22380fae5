// The live state in the text format of Prometheus, version 0.0.4.  doc/report.md
// lists the names; a name is never given another meaning.
#pragma once

#include <string>

#include "coordinator/live_page/state.h"

namespace extfarm::live_page {

// Every name is described each time; what is not known has no sample.
std::string metrics_text(const State&);

}  // namespace extfarm::live_page
