// How far a worker's endpoint can be reached below ZeroMQ: by name, by TCP.
#pragma once

#include <string>
#include <vector>

#include "common/base/timestamp.h"
#include "coordinator/diagnosis/facts.h"

namespace extfarm::diagnosis {

struct Reached {
  Reach reach = Reach::kNotTried;
  std::string address;  // the endpoint with its host as a number: "tcp://10.0.0.2:7170"
  std::string detail;   // of kMalformed and kUnreachable: why
};

// Looks names up and connects to nobody: kNotTried where that succeeds.
Reached look_up(const std::string& endpoint);

// Connects to all at once and lets go again; nothing is said to them.
// Each endpoint's host is a number.
std::vector<Reached> try_connections(const std::vector<std::string>& addresses, Duration patience);

}  // namespace extfarm::diagnosis
