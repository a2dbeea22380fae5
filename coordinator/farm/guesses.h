// How long an action takes that has never run: from its source alone.  Only the order
// of guesses matters; the scheduler corrects the rest as actions end.
#pragma once

#include <cstdint>

#include "common/model/action.h"
#include "coordinator/farm/compiled_text.h"

namespace extfarm {

class Guesses {
 public:
  // Seconds.  A compile counts what its source includes from beside it, too (a
  // source of two lines may be another with a macro set), and what macros stand
  // for.  A file that is not there counts nothing.
  double seconds(const Action&);

 private:
  CompiledText text_;
};

// The same from the sizes of its inputs alone, which costs a look at each.
double guess_from_sizes(const Action&);
// Of what its outputs will need, when nothing is remembered: a transpile is
// followed by a compile of what it makes.
double guess_tail_seconds(const Action&, double own_seconds);
// Guesses of one category err alike: the kind and the language.
std::uint16_t guess_category(const Action&);

}  // namespace extfarm
