// The command line of `extfarm run`, with the environment's say in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

struct RunOptions {
  std::vector<std::string> command;
  bool quiet = false, verbose = false, force = false;
  bool top = false;  // a line for each worker, on a terminal
  bool masquerade = false;  // links named like the compilers come first on the command's PATH
  std::vector<std::string> farm_tools;  // base names of generators that may go to workers
  bool keep_going = false;  // extfarm build: also after a failure
  std::string graph_file;   // extfarm build
  bool is_compilation_database = false;
  std::vector<std::string> targets;
  std::uint32_t verified_per_thousand = 0;  // --verify: results made again on another host
  bool use_store = true;
  std::string store_folder;  // empty: .extfarm/store
  std::uint64_t store_limit_bytes = 2ull << 30;
  std::uint32_t local_slots = 0;
  std::uint32_t core_count = 1;      // of this host, that this process may use
  bool jobs_follow_farm = false;     // --jobs auto: the command's make and ninja are told how many jobs there may be
  std::string rendezvous;            // folder of beacons
  std::vector<std::string> workers;  // endpoints named instead of the folder
  std::string key_folder;
  std::string project_root;           // absolute; holds .extfarm/
  std::vector<std::string> warnings;  // about numbers that were capped or could not be read
};

// Local slots from -j / EXTFARM_JOBS / MAKE="make -jN" / MAKEFLAGS, else the cores.
// More than twice the cores is capped with a warning, a bad number means one.
std::uint32_t local_slots_from(const std::string& flag, const std::string& extfarm_jobs,
                               const std::string& make, const std::string& makeflags,
                               std::uint32_t core_count, std::vector<std::string>& warnings);

// What is wrong with the value of an option that takes a number above 0, and
// what to give instead; `otherwise` is said there too.  Empty: nothing is.
std::string complaint_about_count(const std::string& text, const std::string& otherwise);
// How many commands that stay on this host may run at a time, beside its worker's.
std::uint32_t local_steps(const RunOptions&);

std::map<std::string, std::string> own_environment();
std::string home_folder();
std::string host_name();
std::string user_name();

}  // namespace extfarm
