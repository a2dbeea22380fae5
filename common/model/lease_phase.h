// How far a lease has come on the worker that holds it.
#pragma once

#include <cstdint>

namespace extfarm {

enum class LeasePhase : std::uint8_t {
  kQueued,    // waits for a slot; taken back without loss
  kRunning,
  kFinished,  // its report awaits the receipt
};

}  // namespace extfarm
