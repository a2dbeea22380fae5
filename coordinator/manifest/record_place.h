// Where a record stands in its file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace extfarm::manifest {

struct RecordPlace {
  std::size_t number = 0;    // from 1
  std::size_t line = 0;      // from 1
  std::uint64_t offset = 0;  // of its first byte
};

}  // namespace extfarm::manifest
