#include "coordinator/shell/status.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "coordinator/shell/build_session.h"
#include "coordinator/shell/worker_list.h"

namespace extfarm {
namespace {

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
  if (options.serve) return serve(options);
  return options.as_json ? list_workers_as_json(options.rendezvous) : list_workers(options.rendezvous);
}

}  // namespace extfarm
