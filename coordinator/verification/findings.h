// Judges what differs between a plain and a farmed build, and says it as a
// table.  Reads both trees; changes neither.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/verification/known_causes.h"
#include "coordinator/verification/tree_copy.h"

namespace extfarm::verification {

struct Finding {
  Difference difference;
  std::string top;    // of the tree it lies in, as the user knows it
  std::string cause;  // a known cause, or what is wrong
  bool is_known = false;
};

// One tree, as it was and as each build left it.
struct BuiltTree {
  std::string path;                      // as the user knows it
  std::string plain_top, farmed_top;     // where the builds' files lie
  Listing before, plain, farmed;
};

// Errors: kIo.
Result<std::vector<Finding>> find_differences(const BuiltTree&, Period plain, Period farmed);

// Has what another plain build left, in `top`, speak: a finding whose file is
// not alike in two plain builds either, for no cause that can be named, is known.
// Errors: kIo.
Result<void> ask_second_plain(std::vector<Finding>&, const BuiltTree&, Period plain, const std::string& second_top,
                              const Listing& second, Period second_plain);

bool has_unknown(const std::vector<Finding>&);

struct Figures {
  std::string command;
  double plain_seconds = 0, farmed_seconds = 0;
  std::uint64_t plain_written = 0, farmed_written = 0, identical = 0;
  bool asked_second_plain = false;
};
// The table and the verdict, each line ended.
std::string report(const std::vector<Finding>&, const Figures&);

}  // namespace extfarm::verification
