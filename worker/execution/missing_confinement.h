// What of the confinement this machine's kernel cannot give, for its users to know.
#pragma once

#include <string>

namespace extfarm {

// "system call filters, Landlock"; empty: nothing is missing.
std::string missing_confinement(bool has_private_views);

}  // namespace extfarm
