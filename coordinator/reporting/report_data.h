// The data that report.html carries, for its script.
#pragma once

#include <iosfwd>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

// One JSON object, safe in a script element.  `rows` has an attempt each, its
// values in the order of `columns`; those of the columns in `named` are places
// in `names`.  Times are seconds from the first submission.
void write_report_data(const BuildLog&, const Figures&, std::ostream&);

}  // namespace extfarm::reporting
