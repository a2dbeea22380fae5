// What a worker was told on its command line, and what it finds out about its
// machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/timestamp.h"
#include "worker/session/courtesy.h"

namespace extfarm {

struct WorkerSettings {
  std::string bind = "tcp://*:7170";
  std::string advertise;   // host name others reach it by; empty: the bound address or this host's name
  std::string rendezvous;  // folder of beacons
  std::string key_folder;
  std::string scratch;
  std::vector<std::string> roots;
  std::vector<std::string> trusted;
  std::uint32_t slots = 0;  // 0: counted
  std::uint64_t memory_bytes = 0;  // that attempts may use together; 0: what the machine has
  std::string label;  // handed on in the beacon
  std::string tools;  // file of what another process on this host has learnt of its compilers; empty: none
  bool only_compilers = false;
  bool direct = false;
  bool exit_with_parent = false;
  bool quiet = false;
  std::optional<Duration> idle_exit;
  std::uint64_t measured_speed = 0;  // see calibration.h; 0: not measured
  int nice = 10;               // of compiles, more than the worker's own: its heartbeats shall be in time
  bool idle_priority = false;  // compiles get only what nobody else wants
  std::optional<Duration> time_limit;  // of a compile
  session::CourtesyPolicy courtesy;
  std::string utmp;  // that tells who is logged in; empty: this machine's
};

// Reads the command line.  An int is an exit code: help was printed, or usage was wrong.
Result<WorkerSettings> read_worker_settings(int argc, char** argv, int& exit_code);

// min(processors this process may use, its control groups' quota, SLURM_CPUS_ON_NODE), at least 1.
std::uint32_t count_slots();
// Total memory of this machine; the limit of its control groups or of the Slurm allocation where that is less.
std::uint64_t usable_memory_bytes();
std::string host_name();

}  // namespace extfarm
