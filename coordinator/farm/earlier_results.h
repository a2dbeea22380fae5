// Puts results of earlier builds in place instead of building them again, and
// keeps those of this build for later ones.  Joins coordinator/store with what
// the build remembers; whatever the store cannot give costs a run, no more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/model/action.h"
#include "common/system/filesystem.h"
#include "coordinator/farm/build_memory.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_writer.h"

namespace extfarm {

class EarlierResults {
 public:
  // Both null: nothing is kept and nothing found.
  EarlierResults(std::unique_ptr<store::Store> reader, std::unique_ptr<store::StoreWriter> writer, BuildMemory& memory)
      : reader_(std::move(reader)), writer_(std::move(writer)), memory_(memory) {}
  EarlierResults(const EarlierResults&) = delete;
  EarlierResults& operator=(const EarlierResults&) = delete;

  // The newest result of this very command whose inputs are what lies here
  // now: its outputs are written and it is recorded as the action's last
  // result.  nullopt when there is none that can be had whole.
  std::optional<freshness::Recorded> restore(const Action&, const records::Identity&, const Digest& fingerprint);
  // A result that was just published and recorded.
  void keep(const freshness::Recorded&, double run_seconds);
  // Waits until all is kept.  Sentences for the user about what went wrong.
  std::vector<std::string> finish();

 private:
  bool put_in_place(const Action&, const Attestation&);

  std::unique_ptr<store::Store> reader_;
  std::unique_ptr<store::StoreWriter> writer_;
  BuildMemory& memory_;
};

}  // namespace extfarm
