// A result as it is kept, and the text in which the results of one command are
// kept together.  Knows nothing of files, nor of compression.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/model/attestation.h"

namespace extfarm::store {

// One result of one command: what was read, what was written.  The bytes of
// files are elsewhere, found by their digests.
struct StoredResult {
  std::vector<AttestedInput> inputs;
  std::vector<AttestedOutput> outputs;
  std::vector<std::uint64_t> bystanders;  // hashes of files that a search met and passed over; the caller's to read
  std::string stdout_bytes, stderr_bytes;
  double run_seconds = 0;
};

// Whether both read the same files with the same content, in whatever order.
bool have_equal_inputs(const StoredResult&, const StoredResult&);

// Every field comes back as it was, except that a run time which is no finite
// number becomes 0.
std::string text_of(const Digest& command_key, const std::vector<StoredResult>&);

// Errors: kMalformed, for another command's results and whatever text_of does
// not write.
Result<std::vector<StoredResult>> results_from(std::string_view text, const Digest& command_key);

}  // namespace extfarm::store
