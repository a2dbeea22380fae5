// A result's files on their way into place: each is written under a temporary
// name as its bytes come, and all are renamed together once they are whole.
// Knows nothing of where the bytes come from.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/model/attestation.h"
#include "coordinator/artifacts/place.h"

namespace extfarm::artifacts {

class Staging {
 public:
  // Of what has passed check_outputs.  `attestation` outlives it.
  Staging(const Attestation& attestation, const std::vector<std::string>& view_roots);
  ~Staging();  // the temporary files go, unless they were published
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // The next bytes of outputs[index], a file.  Files come in the order of the outputs, each from its
  // beginning to its end; one without bytes may be left out.  Holds one descriptor, and none of the bytes.
  // Errors: kIo, kRefused.
  Result<void> add(std::size_t index, std::string_view bytes);
  // Once, at the end; see publish() in artifacts.h.  Errors: kIo, kRefused.
  Result<void> publish();

 private:
  struct Staged {
    std::size_t index;            // of its output
    std::string beside, name;     // the path it lies beside, its temporary name there
    std::uint64_t size_bytes = 0;  // so far
    Digest digest = {};           // once it has ended
  };
  std::string beside(const AttestedOutput&) const;
  Result<Place> choose_name(std::size_t index);
  Result<void> begin_file(std::size_t index);
  Result<void> end_file();
  Result<void> add_empty_files();
  Result<void> add_symlinks();
  Result<void> check() const;
  Result<void> rename_all();

  const std::vector<AttestedOutput>& outputs_;
  std::vector<std::string> roots_;      // resolved
  std::set<std::string_view> folders_;  // that the result makes
  std::vector<Staged> staged_;
  Descriptor file_{-1};  // of the last of them
  std::optional<Hasher> hasher_;
};

}  // namespace extfarm::artifacts
