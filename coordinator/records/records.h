// What earlier builds taught: durations, edges between actions, fingerprints,
// digests.  SQLite in one file; records.cc is its only user.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/base/timestamp.h"
#include "common/model/attestation.h"

namespace extfarm::records {

// A stable name for an action across builds: hash of its kind, cwd and main output.
using Identity = Digest;

struct Published {  // the last published result of an action
  Digest fingerprint_of_command;  // argv, environment, toolchain
  std::vector<AttestedInput> inputs;
  std::vector<AttestedOutput> outputs;
  std::string stdout_bytes, stderr_bytes;  // said again when the action is fresh
};

class Records {
 public:
  // Makes the folder and the file.  A damaged file is set aside beside it
  // (".damaged-N") and `warning()` says so.  Errors: kIo.
  static Result<std::unique_ptr<Records>> open(const std::string& path);
  ~Records();

  const std::string& warning() const;
  // Median of the last runs (at most 9); nullopt when never run.
  std::optional<double> predicted_seconds(const Identity&) const;
  // Longest remembered chain of predicted seconds behind it; 0 when unknown.
  double tail_seconds(const Identity&) const;
  std::optional<Published> published(const Identity&) const;

  void add_run(const Identity&, double run_seconds, std::uint64_t peak_memory_bytes);
  void set_published(const Identity&, const Published&);
  void set_edge(const Identity& producer, const Identity& consumer);
  // Writes of one loop turn go in one transaction.
  void flush();

 private:
  Records();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace extfarm::records
