// The fixed parts of report.html: its style sheet and its script.
#pragma once

namespace extfarm::reporting {

extern const char* const kPageStyle;   // the content of <style>
extern const char* const kPageScript;  // the content of <script>; reads the JSON of element "log"

}  // namespace extfarm::reporting
