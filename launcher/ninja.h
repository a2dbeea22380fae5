// How ninja learns how many jobs the farm takes.
#pragma once

#include <string>
#include <vector>

namespace extfarm {

// The words for `program`, a ninja, in place of `words`: as they are when it
// follows a jobserver, which MAKEFLAGS then names (from 1.13 on); otherwise with
// -jN first, so that a -j of the caller's own counts more, where the coordinator
// says how many.
std::vector<std::string> words_for_ninja(const std::string& program, std::vector<std::string> words,
                                         const std::string& socket_path);

}  // namespace extfarm
