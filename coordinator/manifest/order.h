// In which order the steps of a graph can run.  Pure: no file, no JSON.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace extfarm::manifest {

// What ties a step to others; looks at the caller's strings, which must outlive it.
struct Links {
  std::string_view id;                           // may be empty
  std::span<const std::string> inputs, outputs;  // paths compare as bytes
  std::span<const std::string> after;            // ids
};

// Positions in `steps`, each after those that make its inputs and those it
// comes after; of the steps that could come next, the first in the file does.
// An input that no step makes is a file that exists beforehand.
// Errors: kInvalid, for two steps with the same id or output, an `after` that
// names nobody, and steps that wait for each other; the steps are named by
// number, from 1, and id.
Result<std::vector<std::size_t>> order_of(const std::vector<Links>& steps);

}  // namespace extfarm::manifest
