// `extfarm report`: what .extfarm/last-build.json says, in words, and where the
// page of the last build lies.
#pragma once

#include <string>

namespace extfarm {

enum class ReportForm { kText, kJson, kOpened };

// kOpened: has the desktop show the page as well.  Returns the exit code: 0, or 1 when there was no build
// here.  doc/json.md has the keys of the JSON.
int show_report(const std::string& project_root, ReportForm);

}  // namespace extfarm
