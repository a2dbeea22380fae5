// Every message between a coordinator and a worker, as a value.  Knows nothing
// of bytes (codec.h) nor of sockets.  doc/protocol.md tells when each is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/model/action.h"
#include "common/model/lease_phase.h"
#include "common/model/outcome.h"

namespace extfarm::protocol {

inline constexpr std::uint32_t kVersion = 5;
// Outputs up to this total travel inside the Report; larger ones are fetched.
inline constexpr std::uint64_t kInlineOutputBytes = 256 << 10;
inline constexpr std::uint64_t kChunkBytes = 1 << 20;  // of outputs and of inputs

// ---- coordinator → worker
struct Hello {  // first, again until a Heartbeat answers, and every second as the coordinator's sign of life
  std::uint32_t version = kVersion;
  std::uint64_t coordinator_epoch = 0;  // random; identifies the coordinator
  std::string host;
  std::string user;
  bool has_heard = false;             // a Heartbeat has answered at this connection; only then the leases are told
  std::vector<LeaseId> leases_known;  // what the coordinator still wants from this worker
};
struct ProbeToolchain {
  ToolchainSpec spec;
};
struct StartAction {
  LeaseId lease;
  Action action;
};
struct RevokeLease {  // stop it and forget it; also the receipt for a finished one
  LeaseId lease;
};
struct FetchOutput {  // answered by OutputChunk; asking again is harmless
  LeaseId lease;
  std::uint32_t output_index = 0;  // into attestation.outputs
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;  // at most kChunkBytes
};
struct InputBytes {  // answer to NeedInput: at most kChunkBytes from the offset on
  LeaseId lease;
  std::string path;
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;  // of the whole file
  bool found = false;
  std::string_view bytes;  // the sender's, or of the frame that was read
};
struct Goodbye {};  // the coordinator ends: forget all its leases

// ---- worker → coordinator
struct HeldLease {
  LeaseId lease;
  LeasePhase phase = LeasePhase::kQueued;
};
struct Heartbeat {  // the worker's full state, every second and after each change
  std::uint32_t version = kVersion;
  std::uint64_t worker_epoch = 0;  // random; a restarted worker has another
  std::uint64_t sequence = 0;
  std::string worker_name;
  std::string host;
  std::uint32_t slots = 0;       // what this coordinator may use at most
  std::uint64_t memory_bytes = 0;  // likewise: its share goes with that of the slots
  bool draining = false;
  bool knows_coordinator = false;  // false until a Hello was read: leases of an earlier life are gone
  std::uint32_t total_slots = 0;    // when nobody else uses the machine
  std::uint32_t offered_slots = 0;  // of those, now; shared by all its coordinators
  std::string offer_reason;         // why not all; empty: all
  bool has_private_views = false;
  std::string view_reason;          // why not; empty with private views
  std::string missing_confinement;  // what its kernel cannot give; empty: nothing
  std::string scratch_folder;
  std::uint64_t free_scratch_bytes = 0;
  std::int64_t realtime_ns = 0;  // its clock when it wrote this
  std::uint64_t measured_speed = 0;  // a fixed piece of work, times a second; 0: not measured
  std::vector<HeldLease> leases;  // of this coordinator only
};
struct ToolchainProbed {
  ToolchainSpec spec;
  bool found = false;
  Digest digest;
  std::vector<ToolchainComponent> components;
  std::string reason;  // when not found
};
struct Report {  // a lease's end; sent again until revoked
  LeaseId lease;
  Outcome outcome;
  std::vector<std::string> inline_outputs;  // empty, or one per attestation.outputs entry
};
struct OutputChunk {
  LeaseId lease;
  std::uint32_t output_index = 0;
  std::uint64_t offset_bytes = 0;
  bool found = false;
  std::string_view bytes;  // the sender's, or of the frame that was read
};
struct NeedInput {  // a pinned input did not appear on the worker in time; asking again is harmless
  LeaseId lease;
  std::string path;
  std::uint64_t offset_bytes = 0;  // what is before it has come
};

using ToWorker = std::variant<Hello, ProbeToolchain, StartAction, RevokeLease, FetchOutput, InputBytes, Goodbye>;
using ToCoordinator = std::variant<Heartbeat, ToolchainProbed, Report, OutputChunk, NeedInput>;

}  // namespace extfarm::protocol
