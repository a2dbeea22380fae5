// Integer ids that cannot be mixed up.  Knows nothing of what they name.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace extfarm {

template <class Tag>
struct StrongId {
  std::uint64_t value = 0;
  auto operator<=>(const StrongId&) const = default;
};

// One command with its inputs and outputs; unique within one coordinator.
using ActionId = StrongId<struct ActionTag>;
// One attempt's right to run; never used twice by one coordinator.
using LeaseId = StrongId<struct LeaseTag>;
// One worker process as one coordinator knows it.
using WorkerId = StrongId<struct WorkerTag>;
// One coordinator as one worker knows it.
using CoordinatorId = StrongId<struct CoordinatorTag>;

}  // namespace extfarm

template <class Tag>
struct std::hash<extfarm::StrongId<Tag>> {
  std::size_t operator()(extfarm::StrongId<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
