// What one attempt read and wrote.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/digest.h"

namespace extfarm {

struct AttestedInput {
  std::string path;  // absolute
  Digest digest;     // zeros: it was looked for and is not there
  auto operator<=>(const AttestedInput&) const = default;
};

enum class OutputKind : std::uint8_t { kFile, kSymlink, kFolder, kRemoved };

struct AttestedOutput {
  std::string path;  // absolute
  OutputKind kind = OutputKind::kFile;
  std::uint32_t mode = 0;      // permission bits
  std::uint64_t size_bytes = 0;  // files only
  Digest digest;               // files: content; symlinks: target text
  std::string link_target;     // symlinks only
};

struct Attestation {
  std::vector<AttestedInput> inputs;
  std::vector<AttestedOutput> outputs;
};

}  // namespace extfarm
