// Which environment variables can change what a compiler or Cython produces or
// says.  Everything else stays on the submitting host.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace extfarm {

bool environment_matters(std::string_view name);
// Gives a compiler or linker other parts or other words, so that it can only run
// where the user has set this.
bool keeps_compilers_here(std::string_view name);

// What of `all` matters, sorted by name.
std::vector<std::pair<std::string, std::string>> environment_that_matters(
    const std::map<std::string, std::string>& all);

}  // namespace extfarm
