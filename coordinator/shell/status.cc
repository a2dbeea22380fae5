#include "coordinator/shell/status.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "common/transport/beacon.h"
#include "coordinator/shell/build_session.h"

namespace extfarm {
namespace {

int list_workers(const std::string& rendezvous) {
  const auto reading = read_beacons(rendezvous);
  for (const auto& complaint : reading.complaints) std::fprintf(stderr, "extfarm: %s\n", complaint.c_str());
  for (const auto& beacon : reading.beacons) {
    std::printf("%-20s %-28s %3u slots  %s%s%s\n", beacon.host.c_str(), beacon.endpoint.c_str(), beacon.slots,
                beacon.name.c_str(), beacon.label.empty() ? "" : "  ", beacon.label.c_str());
    if (!beacon.offer_reason.empty())
      std::printf("%-20s %u of %u slots: %s\n", "", beacon.offered_slots, beacon.slots, beacon.offer_reason.c_str());
  }
  if (reading.beacons.empty()) {
    std::printf("No worker has announced itself in %s.\nStart one on each lab machine: extfarm-worker\n",
                rendezvous.c_str());
  }
  return 0;
}

// This process becomes the program that serves.
int serve(const StatusOptions& options) {
  const std::string program = program_folder() + "/extfarm-live-page";
  std::vector<std::string> words{program, "--folder", options.folder, "--rendezvous", options.rendezvous};
  if (!options.serve->empty()) words.push_back("--address=" + *options.serve);
  if (options.to_network) words.push_back("--to-network");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  return refuse(kExitRetry, "cannot start " + program + ": " + std::strerror(errno));
}

}  // namespace

int show_status(const StatusOptions& options) {
  return options.serve ? serve(options) : list_workers(options.rendezvous);
}

}  // namespace extfarm
