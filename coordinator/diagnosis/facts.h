// What `extfarm doctor` has seen of this host and of each worker.  Plain values;
// findings.h says what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/model/outcome.h"
#include "common/model/toolchain.h"
#include "common/protocol/messages.h"

namespace extfarm::diagnosis {

// What a plain TCP connection to a worker's endpoint comes to.
enum class Reach {
  kNotTried,
  kOpen,
  kMalformed,    // no endpoint
  kUnknownName,  // the host's name means nothing here
  kRefused,      // the host says that nothing listens
  kUnreachable,  // the network says that there is no way
  kSilent,       // nobody says anything
};

// What a worker makes of this user's key and greeting.
enum class Greeting {
  kNotTried,
  kAnswered,
  kAnotherAnswered,  // not the worker of the beacon
  kKeyRefused,       // it does not admit this user's key
  kOtherKey,         // it did not prove the key of its beacon
  kSilent,
};

struct WorkerFacts {
  std::string name;  // of the beacon; empty: named by its endpoint
  std::string host;  // or the endpoint, until a heartbeat tells
  std::string endpoint;
  std::string beacon_path;
  std::uint32_t protocol_version = protocol::kVersion;
  bool is_own = false;  // brought along, on this host
  Reach reach = Reach::kNotTried;
  std::string reach_detail;  // of kUnreachable and kMalformed: why
  Greeting greeting = Greeting::kNotTried;
  std::string other_name;         // of kAnotherAnswered: who, if that is known
  protocol::Heartbeat heartbeat;  // of kAnswered: the last one
  Duration round_trip{0};
  std::int64_t clock_ahead_ns = 0;  // of this host's, within round_trip
  std::vector<protocol::ToolchainProbed> tools;
  std::optional<Outcome> attempt;  // of compiling the file made for it
};

// A tool of this host that the workers are asked for.
struct OwnTool {
  std::string name;  // as the user knows it: "gcc", "python3"
  Toolchain toolchain;
  bool is_needed = false;  // workers without it are of little use
};

// The file that workers are to see.
struct Probe {
  std::string path;
  Digest digest;
  std::string problem;  // why no worker could be asked for it; empty: they were
};

struct HostFacts {
  std::string host;
  std::string key_folder;
  std::string public_key;                 // of this user as a client; empty: there is none
  std::vector<std::string> key_problems;  // each with what to do behind a "; "
  bool key_folder_is_open = false;        // others may write there
  bool admits_itself = true;              // its own key stands in authorized_keys
  std::string rendezvous;
  bool rendezvous_exists = false, rendezvous_is_writable = false, rendezvous_is_on_network = false;
  std::vector<std::string> beacon_problems;  // likewise with what to do
  bool workers_are_named = false;            // by EXTFARM_WORKERS or --workers
  std::string folder;
  bool folder_is_on_network = false;
  std::optional<std::int64_t> clock_skew_ns;  // of the folder's filesystem; empty: no file can be made there
  std::optional<std::uint64_t> free_bytes;
  std::vector<OwnTool> tools;
  std::vector<std::string> missing_tools;  // asked for and not here
  Probe probe;
  std::string own_worker_problem;  // why it did not start
};

}  // namespace extfarm::diagnosis
